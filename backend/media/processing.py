"""Makes files fit to be kept, each in a child process with limits of its own (`child.py`)."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from backend.media.content import OFFICE, PHOTOS
from backend.media.errors import (
    ActiveContent,
    Encrypted,
    MediaRefusal,
    TooComplex,
    TooManyPixels,
    Unreadable,
    UnsupportedType,
)
from backend.media.types import Area, Content, MediaKind, Prepared, Size

CHILD = Path(__file__).with_name("child.py")
SECONDS = 30.0
AT_ONCE = 2
"""Children of one process of ours: each may take 1.25 GiB."""

_FORMATS = {Content.JPEG: "JPEG", Content.PNG: "PNG", Content.WEBP: "WEBP", Content.HEIC: "HEIF"}
_DOCUMENTS = {"pdf": Content.PDF, "docx": Content.DOCX, "xlsx": Content.XLSX}
_REFUSALS: dict[str, type[MediaRefusal]] = {
    "too_many_pixels": TooManyPixels,
    "too_complex": TooComplex,
    "unreadable": Unreadable,
    "unsupported_type": UnsupportedType,
    "active_content": ActiveContent,
    "encrypted": Encrypted,
}

log = structlog.get_logger()


class _Answer(msgspec.Struct):
    forms: dict[str, int] = {}
    refused: str | None = None
    why: str | None = None
    width: int | None = None
    height: int | None = None
    content: str | None = None


class Processor:
    """Prepares files; a few at once, the others wait."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._seconds = seconds

    async def prepare(self, octets: bytes, content: Content | str) -> Prepared:
        """The forms that are kept: photos decoded and written anew, documents checked and left as they are.

        Raises Unreadable, TooManyPixels, TooComplex, UnsupportedType, ActiveContent, Encrypted.
        """
        if isinstance(content, Content) and content in PHOTOS:
            answer, forms = await self._run("photo", _FORMATS[content], octets)
            return Prepared(
                MediaKind.PHOTO,
                Content.JPEG,
                {Size(name): form for name, form in forms.items()},
                answer.width,
                answer.height,
            )
        answer, _ = await self._run("document", "office" if content == OFFICE else "pdf", octets)
        return Prepared(MediaKind.DOCUMENT, _DOCUMENTS[answer.content or ""], {Size.DOCUMENT: octets})

    async def redact(self, octets: bytes, areas: Sequence[Area]) -> Prepared:
        """The forms of a photo of ours with these areas black. Raises TooComplex, Unreadable."""
        written = json.dumps([[area.x, area.y, area.width, area.height] for area in areas])
        answer, forms = await self._run("redact", written, octets)
        return Prepared(
            MediaKind.PHOTO,
            Content.JPEG,
            {Size(name): form for name, form in forms.items()},
            answer.width,
            answer.height,
        )

    async def _run(self, kind: str, form: str, octets: bytes) -> tuple[_Answer, dict[str, bytes]]:
        async with self._turns:
            child = await asyncio.create_subprocess_exec(
                # -I: neither the environment nor the working directory says what is imported.
                *(sys.executable, "-I", str(CHILD), kind, form),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
            )
            try:
                async with asyncio.timeout(self._seconds):
                    written, _ = await child.communicate(octets)
            except TimeoutError as error:
                raise TooComplex from error
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        return _read(written, child.returncode)


def _read(written: bytes, code: int | None) -> tuple[_Answer, dict[str, bytes]]:
    line, _, rest = written.partition(b"\n")
    if code != 0 or not line:
        # Killed by its limits, or by a fault of a decoder: the log tells, the sender sees one answer.
        log.warning("media_child_ended", code=code)
        raise TooComplex
    answer = msgspec.json.decode(line, type=_Answer)
    if answer.refused is not None:
        raise _REFUSALS[answer.refused]
    forms = {}
    for name, size in answer.forms.items():
        forms[name], rest = rest[:size], rest[size:]
    return answer, forms
