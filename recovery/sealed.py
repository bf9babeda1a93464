"""Files that a backup consists of: compressed, then sealed by C2SP chunked encryption (AES-256-GCM).

A file = 0x01 ‖ key id 8 ‖ Cobblestone-256(zlib(content)); key id = SHA-256("ioc-backup/key" ‖ key)[:8];
context = lp("ioc-backup/v1") ‖ lp(name), name being the path in the repository: under another name a file
does not open. The key lies outside the repository. What is read is authentic chunk by chunk, and whole only
at the end, so nobody may use what `opened` gives before it has ended.
"""

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

if TYPE_CHECKING:
    from typing_extensions import Buffer

VERSION = 1
KEY_BYTES = 32
CHUNK = 256 * 1024
_LEVEL = 1
_ID_BYTES = 8


class SealBroken(Exception):
    """A file of the backup was changed or cut, lies under another's name, or has another key."""


class Readable(Protocol):
    """What is sealed."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """A sealed file as it lies in the repository: bytes and SHA-256 (hex) of what is stored."""

    name: str
    size: int
    sha256: str


class Keys:
    """The key that seals, and those of before that still open."""

    def __init__(self, newest: bytes, *older: bytes) -> None:
        for key in (newest, *older):
            if len(key) != KEY_BYTES:
                raise ValueError(f"a backup key has {KEY_BYTES} bytes")
        self._newest = newest
        self._by_id = {_key_id(key): key for key in (newest, *older)}

    @classmethod
    def read(cls, file: Path) -> "Keys":
        """The key in `file`, and those of before in `<file>.old-*`. Raises OSError or ValueError."""
        older = [one.read_bytes() for one in sorted(file.parent.glob(f"{file.name}.old-*"))]
        return cls(file.read_bytes(), *older)

    def encryptor(self, name: str) -> tuple[bytes, Cobblestone256Encryptor]:
        """A file's first bytes, and what seals the rest."""
        start = bytes([VERSION]) + _key_id(self._newest)
        return start, Cobblestone256Encryptor(self._newest, _context(name))

    def decryptor(self, name: str, start: bytes) -> Cobblestone256Decryptor:
        """What opens a file that begins with `start`. Raises SealBroken."""
        if len(start) != 1 + _ID_BYTES or start[0] != VERSION:
            raise SealBroken(f"{name}: it is no sealed file of version {VERSION}")
        key = self._by_id.get(start[1:])
        if key is None:
            raise SealBroken(f"{name}: it was sealed under the key {start[1:].hex()}, which is not here")
        return Cobblestone256Decryptor(key, _context(name))


def seal(keys: Keys, repository: Path, name: str, source: Readable, *, once: bool = False) -> Written:
    """Seal all that `source` gives as `name`. The file is there whole and on the disk, or not at all.

    `once`: what lies there already stays. Two who seal the same make different octets, and a manifest has the
    digest of one of them. Raises FileExistsError then.
    """
    path = repository / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    start, encryptor = keys.encryptor(name)
    compressor, digest, size = zlib.compressobj(_LEVEL), hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:

            def put(octets: bytes) -> None:
                nonlocal size
                digest.update(octets)
                size += len(octets)
                file.write(octets)

            put(start)
            while octets := source.read(CHUNK):
                put(encryptor.update(compressor.compress(octets)))
            put(encryptor.update(compressor.flush()))
            put(encryptor.finalize())
            file.flush()
            os.fsync(file.fileno())
        if once:
            os.link(partial, path)
            partial.unlink()
        else:
            partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return Written(name, size, digest.hexdigest())


def opened(keys: Keys, repository: Path, name: str) -> Iterator[bytes]:
    """The content piece by piece: good only once the iterator has ended. Raises SealBroken."""
    with (repository / name).open("rb") as file:
        decryptor = keys.decryptor(name, file.read(1 + _ID_BYTES))
        expander = zlib.decompressobj()
        try:
            while octets := file.read(CHUNK):
                yield expander.decompress(decryptor.update(octets))
            yield expander.decompress(decryptor.finalize())
            yield expander.flush()
        except (InvalidTag, zlib.error, ValueError) as error:
            raise SealBroken(f"{name}: it was changed or cut") from error
        if not expander.eof or expander.unused_data:
            raise SealBroken(f"{name}: what was sealed is not whole")


class _Stream(io.RawIOBase):
    """`opened` as a file: what was authentic so far."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "Buffer") -> int:
        """Fill `buffer` with the next bytes; how many, 0 at the end. Raises SealBroken."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def unpack(keys: Keys, repository: Path, name: str, folder: Path) -> list[str]:
    """Unpack a sealed tar into `folder`; the names of what is in it.

    Raises SealBroken: then nothing of what lies in the folder may be used.
    """
    names = []
    with (
        io.BufferedReader(_Stream(opened(keys, repository, name)), CHUNK) as source,
        tarfile.open(fileobj=source, mode="r|") as tar,
    ):
        for member in tar:
            tar.extract(member, folder, filter="data")
            names.append(member.name)
        while source.read(CHUNK):
            pass  # to the end: only there it shows that nothing was cut off
    return names


def whole(keys: Keys, repository: Path, name: str) -> bytes:
    """All of a small file. Raises SealBroken."""
    return b"".join(opened(keys, repository, name))


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file as it lies there."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"ioc-backup/key" + key).digest()[:_ID_BYTES]


def _context(name: str) -> bytes:
    parts = (b"ioc-backup/v1", name.encode())
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
