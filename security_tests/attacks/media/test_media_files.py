"""Files that are more than they say, say more than they should, or are too much."""

import asyncio
import secrets
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from backend.media.errors import TooComplex
from backend.media.processing import CHILD, Processor
from backend.media.types import Content, MediaKind, Prepared, Size
from tests.backend.media.pictures import exif, office, pdf, photo, picture
from tests.backend.media.rig import MediaApi, code_of

HEIC = Path(__file__).parents[3] / "tests" / "backend" / "media" / "data" / "gps.heic"
SCRIPT = b"<html><script>alert(document.domain)</script></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">MARK-XMP 21.0245 105.8516</x:xmpmeta>'


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, rows: int) -> bytes:
    """A PNG that states a size and brings `rows` rows of zeros, well compressed."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes((width * 3 + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


async def refused(api: MediaApi, octets: bytes) -> tuple[int, str]:
    """How an upload is refused; nothing of it is left."""
    report = await api.report()
    answer = await api.upload(octets, report.code)
    assert (api.files(), api.rows("SELECT id FROM media.object")) == ([], [])
    return answer.status_code, code_of(answer)


async def kept(api: MediaApi, octets: bytes) -> bytes:
    """All that is stored of an upload."""
    report = await api.report()
    assert (await api.upload(octets, report.code)).status_code == 201
    return b"".join(path.read_bytes() for path in api.files())


@pytest.mark.parametrize(
    "octets", [SVG, SCRIPT, b"GIF89a" + bytes(64), b"MZ" + bytes(64), b"BM" + bytes(64), b"", b"\xff"]
)
async def test_other_types_are_refused_whatever_they_are_called(api: MediaApi, octets: bytes) -> None:
    report = await api.report()
    answer = await api.upload(octets, report.code, content_type="image/jpeg")
    assert (answer.status_code, code_of(answer)) == (415, "media.unsupported_type")


async def test_gif_bomb_is_refused_before_anything_reads_it(api: MediaApi) -> None:
    frames = [Image.new("P", (4000, 4000), number) for number in range(4)]
    written = BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:])
    assert await refused(api, written.getvalue()) == (415, "media.unsupported_type")


async def test_header_of_another_type_changes_nothing(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.upload(
        photo("PNG"), report.code, content_type="text/html", content_disposition="a.html"
    )
    shown = await api.read(answer.json()["media"]["id"])
    assert (shown.headers["content-type"], shown.headers["content-disposition"]) == (
        "image/jpeg",
        'inline; filename="media.jpg"',
    )


@pytest.mark.parametrize(
    "octets",
    [photo() + SCRIPT, photo(comment=SCRIPT), photo("PNG") + SCRIPT, photo() + office()],
    ids=["JPEG and HTML", "HTML in a comment", "PNG and HTML", "JPEG and ZIP"],
)
async def test_polyglot_keeps_its_picture_alone(api: MediaApi, octets: bytes) -> None:
    left = await kept(api, octets)
    assert b"<script" not in left
    assert b"PK\x03\x04" not in left


@pytest.mark.parametrize(
    "octets",
    [
        photo(exif=exif(), comment=b"MARK-COMMENT", xmp=XMP),
        photo("PNG", exif=exif()),
        photo("WEBP", exif=exif(), xmp=XMP),
        HEIC.read_bytes(),
    ],
    ids=["JPEG", "PNG", "WebP", "HEIC"],
)
async def test_place_and_owner_of_the_phone_are_gone(api: MediaApi, octets: bytes) -> None:
    assert b"MARK" in octets
    left = await kept(api, octets)
    assert b"MARK" not in left
    assert b"Exif" not in left
    assert b"xmpmeta" not in left
    for path in api.files():
        stored = Image.open(path)
        assert dict(stored.getexif()) == {}
        assert not stored.info.keys() & {"exif", "icc_profile", "xmp", "comment", "photoshop"}


async def test_preview_of_the_uncropped_picture_is_gone(api: MediaApi) -> None:
    preview = BytesIO()
    Image.effect_noise((160, 120), 90).save(preview, "JPEG")
    noted = exif()
    octets = photo(exif=noted.tobytes() + preview.getvalue()[:500])
    assert preview.getvalue()[200:400] not in await kept(api, octets)


async def test_profile_with_a_name_in_it_is_gone(api: MediaApi) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    left = await kept(api, photo(icc_profile=profile))
    assert b"ICC_PROFILE" not in left


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (8_000, 7_000), (1, 40_000_000), (0, 10)])
async def test_huge_picture_is_refused_by_its_header(api: MediaApi, width: int, height: int) -> None:
    status, code = await refused(api, png(width, height, 1))
    assert (status, code) == (422, "media.unreadable" if not width else "media.too_many_pixels")


async def test_rows_beyond_those_stated_are_not_kept(api: MediaApi) -> None:
    report = await api.report()
    media = (await api.upload(png(100, 100, 100_000), report.code)).json()["media"]
    assert (media["width"], media["height"]) == (100, 100)


async def test_largest_picture_that_is_taken_fits_its_limits(api: MediaApi) -> None:
    report = await api.report()
    media = (await api.upload(png(8_000, 6_250, 6_250), report.code)).json()["media"]
    assert (media["width"], media["height"]) == (4096, 3200)


async def test_file_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TooComplex):
        await Processor(seconds=0.01).prepare(photo(), Content.JPEG)


@pytest.mark.parametrize(
    "misdeed",
    [
        "bytearray(2 * 1024**3)",
        "open('/dev/shm/ioc-media-test', 'w').write('x' * 9_000)",
        "[open('/') for _ in range(99)]",
    ],
    ids=["memory", "files", "handles"],
)
def test_child_can_not_take_more_than_its_limits(misdeed: str) -> None:
    script = f"import runpy; runpy.run_path({str(CHILD)!r})['_limit'](); {misdeed}"
    done = subprocess.run([sys.executable, "-I", "-c", script], check=False, capture_output=True)
    assert done.returncode != 0


async def test_bomb_of_comments_is_refused(api: MediaApi) -> None:
    notes = b"".join(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60 * 1024 * 1024), 9)) for _ in range(8))
    octets = photo("PNG")
    header = octets.index(b"IDAT") - 4
    status, code = await refused(api, octets[:header] + notes + octets[header:])
    assert (status, code) == (422, "media.unreadable")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.9])
async def test_truncated_photo_is_refused(api: MediaApi, kind: str, share: float) -> None:
    octets = photo(kind, 1200, 900)
    assert await refused(api, octets[: int(len(octets) * share)]) == (422, "media.unreadable")


async def test_truncated_document_is_refused(api: MediaApi) -> None:
    assert await refused(api, pdf()[:-100]) == (422, "media.unreadable")


async def test_many_frames_are_one_picture(api: MediaApi) -> None:
    frames = [picture(200 + number, 200) for number in range(3)]
    written = BytesIO()
    frames[0].save(written, "WEBP", save_all=True, append_images=[f.resize((200, 200)) for f in frames[1:]])
    report = await api.report()
    media = (await api.upload(written.getvalue(), report.code)).json()["media"]
    assert (media["width"], media["height"]) == (200, 200)


async def test_eleventh_file_is_refused_before_it_is_read(api: MediaApi) -> None:
    report = await api.report()
    for _ in range(10):
        assert (await api.upload(photo(width=32, height=32), report.code)).status_code == 201

    async def never() -> object:
        raise AssertionError("the body was asked for")
        yield b""  # type: ignore[unreachable]

    answer = await api.upload(never(), report.code)
    assert (answer.status_code, code_of(answer)) == (409, "media.too_many_files")


async def test_citizen_who_fills_a_report_leaves_the_unit_room_for_evidence(api: MediaApi) -> None:
    report = await api.report()
    for _ in range(10):
        await api.upload(photo(width=32, height=32), report.code)
    for _ in range(20):
        assert (await api.upload(photo(width=32, height=32), report.code, "minh")).status_code == 201
    full = await api.upload(photo(width=32, height=32), report.code, "minh")
    assert (full.status_code, code_of(full)) == (409, "media.too_many_files")
    taken = api.rows("SELECT array_agg(position ORDER BY position) FROM media.object")
    assert taken == [(list(range(1, 31)),)]


async def test_unit_leaves_the_citizen_room(api: MediaApi) -> None:
    report = await api.report()
    for _ in range(11):
        await api.upload(photo(width=32, height=32), report.code, "minh")
    assert (await api.upload(photo(width=32, height=32), report.code)).status_code == 201


class Together:
    """A processor that is done with six files in the same moment."""

    def __init__(self) -> None:
        self._six = asyncio.Barrier(6)

    async def prepare(self, octets: bytes, content: Content | str) -> Prepared:
        await self._six.wait()
        return Prepared(MediaKind.DOCUMENT, Content.PDF, {Size.DOCUMENT: octets})


async def test_of_six_at_the_same_moment_only_those_with_room_are_kept(api: MediaApi) -> None:
    report = await api.report()
    for _ in range(8):
        await api.upload(photo(width=32, height=32), report.code)
    service = api.service(processor=Together())
    lan = await api.citizen("lan")
    answers = await asyncio.gather(
        *(service.upload(lan, report.code, pdf(), secrets.token_hex(16)) for _ in range(6)),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Media"] * 2 + ["TooManyFiles"] * 4
    assert len(api.files()) == 8 * 3 + 2
