"""A file comes in with token and proof, is made anew, and is read back."""

import asyncio
import secrets
from io import BytesIO
from pathlib import Path

import orjson
import pytest
from PIL import Image

from tests.backend.media.pictures import exif, office, pdf, photo
from tests.backend.media.rig import MediaApi, code_of

HEIC = Path(__file__).with_name("data") / "gps.heic"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def opened(octets: bytes) -> Image.Image:
    """A picture as a reader sees it."""
    return Image.open(BytesIO(octets))


async def test_photo_of_own_report_is_stored_and_read_back(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.upload(photo(), report.code)
    media = answer.json()["media"]
    shown = await api.read(media["id"], size="full")
    assert (answer.status_code, shown.status_code) == (201, 200)
    assert (media["kind"], media["state"], media["width"], media["height"]) == ("photo", "private", 640, 480)
    assert opened(shown.content).size == (640, 480)


@pytest.mark.parametrize(
    ("kind", "octets"),
    [("PNG", photo("PNG")), ("WebP", photo("WEBP")), ("HEIC", HEIC.read_bytes()), ("JPEG", photo())],
)
async def test_photo_of_each_type_becomes_jpeg(api: MediaApi, kind: str, octets: bytes) -> None:
    report = await api.report()
    media = (await api.upload(octets, report.code)).json()["media"]
    shown = await api.read(media["id"], size="full")
    assert (media["contentType"], shown.headers["content-type"]) == ("image/jpeg", "image/jpeg")
    assert opened(shown.content).format == "JPEG"


async def test_sizes_have_their_longest_edge(api: MediaApi) -> None:
    report = await api.report()
    media = (await api.upload(photo(width=5000, height=2500), report.code)).json()["media"]
    sizes = {size: opened((await api.read(media["id"], size=size)).content).size for size in media["sizes"]}
    assert sizes == {"thumb": (320, 160), "large": (1280, 640), "full": (4096, 2048)}


async def test_orientation_is_applied(api: MediaApi) -> None:
    report = await api.report()
    media = (await api.upload(photo(exif=exif(orientation=6)), report.code)).json()["media"]
    assert (media["width"], media["height"]) == (480, 640)


async def test_transparent_picture_stands_on_white(api: MediaApi) -> None:
    report = await api.report()
    written = BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(written, "PNG")
    media = (await api.upload(written.getvalue(), report.code)).json()["media"]
    assert opened((await api.read(media["id"])).content).getpixel((32, 32)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "RGBA"])
async def test_png_of_each_mode_is_taken(api: MediaApi, mode: str) -> None:
    report = await api.report()
    written = BytesIO()
    Image.new(mode, (64, 48)).save(written, "PNG")
    assert (await api.upload(written.getvalue(), report.code)).status_code == 201


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (pdf(), "application/pdf"),
        (office("docx"), DOCX),
        (office("xlsx"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
async def test_document_is_kept_as_it_is(api: MediaApi, octets: bytes, content: str) -> None:
    report = await api.report()
    media = (await api.upload(octets, report.code)).json()["media"]
    shown = await api.read(media["id"], size="document")
    assert (media["kind"], media["sizes"], media["contentType"]) == ("document", ["document"], content)
    assert (shown.content, shown.headers["content-type"]) == (octets, content)
    assert shown.headers["content-disposition"].startswith("attachment;")


async def test_read_file_is_neither_guessed_nor_kept_nor_run(api: MediaApi) -> None:
    report = await api.report()
    media = (await api.upload(photo(), report.code)).json()["media"]
    headers = (await api.read(media["id"])).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-disposition"] == 'inline; filename="media.jpg"'
    assert headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"


async def test_handler_of_the_unit_adds_and_the_citizen_reads(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.upload(photo(), report.code, "minh")
    shown = await api.read(answer.json()["media"]["id"], "lan")
    assert (answer.status_code, shown.status_code) == (201, 200)


@pytest.mark.parametrize("who", ["minh", "thao", "quang"])
async def test_unit_and_city_read_what_the_citizen_added(api: MediaApi, who: str) -> None:
    report = await api.report()
    media = (await api.upload(photo(), report.code)).json()["media"]
    assert (await api.read(media["id"], who)).status_code == 200


async def test_operator_of_the_city_does_not_add_for_the_ward(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.upload(photo(), report.code, "quang")
    assert (answer.status_code, code_of(answer)) == (403, "common.forbidden")


async def test_released_file_is_read_by_nobody_in_particular(api: MediaApi) -> None:
    report = await api.report()
    media = (await api.upload(photo(), report.code)).json()["media"]
    api.rows(
        "UPDATE media.object SET state = 'released', released_at = now(), released_by = uploader_id"
        " RETURNING id"
    )
    answers = [(await api.read(media["id"], who)).status_code for who in (None, "hung", "dung")]
    assert answers == [200, 200, 200]


async def test_same_upload_twice_is_one_file_and_one_answer(api: MediaApi) -> None:
    report, key, octets = await api.report(), secrets.token_hex(16), photo()
    first = await api.upload(octets, report.code, key=key)
    second = await api.upload(octets, report.code, key=key)
    assert (first.status_code, second.json()) == (201, first.json())
    assert len(api.files()) == 3
    assert api.rows("SELECT count(*) FROM media.object") == [(1,)]


async def test_repeat_of_the_tenth_is_answered_when_there_is_no_room(api: MediaApi) -> None:
    report, key, octets = await api.report(), secrets.token_hex(16), photo(width=64, height=64)
    for _ in range(9):
        await api.upload(octets, report.code)
    first = await api.upload(octets, report.code, key=key)
    assert (await api.upload(octets, report.code, key=key)).json() == first.json()


async def test_key_of_another_file_is_a_mismatch(api: MediaApi) -> None:
    report, key = await api.report(), secrets.token_hex(16)
    await api.upload(photo(), report.code, key=key)
    answer = await api.upload(photo(width=100), report.code, key=key)
    assert (answer.status_code, code_of(answer)) == (409, "idempotency.mismatch")
    assert len(api.files()) == 3


async def test_upload_without_a_key_is_refused(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.ask("POST", "/media", {"report": report.code}, content=photo())
    assert (answer.status_code, code_of(answer)) == (400, "common.invalid_input")


async def test_upload_is_an_event_and_a_change(api: MediaApi) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    lines = [orjson.loads(line) for (line,) in api.rows("SELECT line FROM audit.event ORDER BY xid, id")]
    event = next(line["unmapped"] for line in lines if line["unmapped"].get("action") == "media.upload")
    changes = api.rows("SELECT resource FROM changes.change WHERE kind = 'media.added'")
    assert (event["decision"], event["resource"]) == ("allow", f"report:{report.code}")
    assert (event["unit"], event["policies"]) == ("00070", ["media-upload-own"])
    assert changes == [(f"report:{report.code}",)]


async def test_refusal_is_an_event(api: MediaApi) -> None:
    report = await api.report()
    await api.upload(b"<svg xmlns='http://www.w3.org/2000/svg'/>", report.code)
    lines = [orjson.loads(line) for (line,) in api.rows("SELECT line FROM audit.event ORDER BY xid, id")]
    event = next(line for line in lines if line["unmapped"].get("action") == "media.upload")
    assert (event["unmapped"]["decision"], event["status_code"]) == ("deny", "media.unsupported_type")


async def test_two_photos_at_once_are_two_files(api: MediaApi) -> None:
    report = await api.report()
    answers = await asyncio.gather(*(api.upload(photo(), report.code) for _ in range(2)))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert sorted(api.rows("SELECT position FROM media.object")) == [(1,), (2,)]


async def test_refusal_speaks_english_when_asked(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.upload(b"GIF89a" + bytes(64), report.code, accept_language="en")
    assert answer.json()["errors"][0]["message"].startswith("Only JPEG, PNG, WebP and HEIC")


async def test_unknown_address_is_not_found(api: MediaApi) -> None:
    answers = [
        (await api.ask("POST", path)).status_code for path in ("/media/a/b/c", "/mediax", "/media/a/b")
    ]
    assert answers == [404, 404, 404]


async def test_other_methods_are_told_which_there_are(api: MediaApi) -> None:
    answer = await api.ask("PUT", "/media", content=photo())
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
