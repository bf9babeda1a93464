"""Where the octets lie: a folder or S3. Keys are made of our own ids, never of a sender's words."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import obstore
import structlog
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, S3Store

from backend.media.types import Size
from foundation.settings import MediaSettings, read_secret

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PREFIX = "media"
MARKER = "ioc-media-store"
"""An object beside all others: a folder whose disk is not mounted, or another bucket, has none (jobs.py)."""
SHARDS = 256
"""Keys begin with the last octet of the id, which is random: what is looked through lies in equal shares."""


log = structlog.get_logger()


class ObjectAbsent(LookupError):
    """No such object: a fault of ours when a row names it."""


class MediaStore:
    """The objects of all media. Failures of the store raise obstore's errors or OSError."""

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    async def put(self, media_id: UUID, forms: dict[Size, bytes]) -> None:
        """Write every form."""
        for size, octets in forms.items():
            await obstore.put_async(self._store, _key(media_id, size), octets)

    async def get(self, media_id: UUID, size: Size) -> bytes:
        """The octets of one form. Raises ObjectAbsent."""
        try:
            found = await obstore.get_async(self._store, _key(media_id, size))
        except (NotFoundError, FileNotFoundError) as error:
            raise ObjectAbsent(str(media_id)) from error
        return bytes(await found.bytes_async())

    async def exists(self, media_id: UUID, size: Size) -> bool:
        """Whether one form is there."""
        return await self._is_there(_key(media_id, size))

    async def _is_there(self, key: str) -> bool:
        try:
            await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def delete(self, media_id: UUID) -> None:
        """Remove every form that is there."""
        found = [
            item["path"]
            for page in await obstore.list(self._store, _folder(media_id)).collect_async()
            for item in ([page] if isinstance(page, dict) else page)
        ]
        if found:
            await obstore.delete_async(self._store, found)

    async def forget(self, media_id: UUID) -> None:
        """Remove what a refused change has written. Raises nothing: the sweep finds what is left."""
        try:
            await self.delete(media_id)
        except Exception:
            # Whatever the store raises: the refusal is the answer.
            log.warning("media_left_behind", exc_info=True)

    async def is_marked(self) -> bool:
        """Whether this store was known before."""
        return await self._is_there(MARKER)

    async def mark(self) -> None:
        """From now on this store is known."""
        await obstore.put_async(self._store, MARKER, b"The objects of the rows of media.object.\n")

    async def in_shard(self, shard: int) -> AsyncIterator[tuple[UUID, datetime]]:
        """The ids in one of the 256 shares, and when each form was written."""
        async for page in obstore.list(self._store, f"{PREFIX}/{shard:02x}", chunk_size=1_000):
            for item in page:
                yield UUID(hex=str(item["path"]).split("/")[2]), item["last_modified"]


def store_of(settings: MediaSettings) -> MediaStore:
    """The store that the settings name; a folder is made if it is not there."""
    if settings.s3 is not None:
        return MediaStore(
            S3Store(
                settings.s3.bucket,
                endpoint=settings.s3.endpoint,
                region=settings.s3.region,
                access_key_id=read_secret(settings.s3.access_key_file).decode(),
                secret_access_key=read_secret(settings.s3.secret_key_file).decode(),
                client_options={"allow_http": settings.s3.is_on_this_machine},
            )
        )
    if settings.folder is None:
        raise ValueError("media needs a folder or S3")
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return MediaStore(LocalStore(settings.folder))


def _folder(media_id: UUID) -> str:
    return f"{PREFIX}/{media_id.hex[-2:]}/{media_id.hex}"


def _key(media_id: UUID, size: Size) -> str:
    return f"{_folder(media_id)}/{size.value}"
