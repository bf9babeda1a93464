"""Other people's reports and files, names that lead elsewhere, and links that were changed."""

from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import psycopg
import pytest

from foundation.ids import GlobalIds, new_uuid
from tests.backend.media.pictures import photo
from tests.backend.media.rig import MediaApi, code_of
from tests.backend.world import connect

IDS = GlobalIds(bytes(range(64)))
STRANGERS = ["hung", "dung", "ha", "phuong"]


async def uploaded(api: MediaApi) -> str:
    """The id of a private photo of Lan's."""
    report = await api.report()
    return str((await api.upload(photo(), report.code)).json()["media"]["id"])


@pytest.mark.parametrize("who", STRANGERS)
async def test_nobody_adds_to_the_report_of_another(api: MediaApi, who: str) -> None:
    report = await api.report()
    answer = await api.upload(photo(), report.code, who)
    absent = await api.upload(photo(), "0" * 16, who)
    assert (answer.status_code, code_of(answer)) == (404, "common.not_found")
    assert answer.json()["errors"][0]["message"] == absent.json()["errors"][0]["message"]
    assert api.files() == []


@pytest.mark.parametrize("who", STRANGERS)
async def test_private_file_and_absent_file_are_the_same_answer(api: MediaApi, who: str) -> None:
    private = await api.read(await uploaded(api), who)
    absent = await api.read(IDS.of_uuid("Media", new_uuid()), who)
    shown = [(a.status_code, code_of(a), a.json()["errors"][0]["message"]) for a in (private, absent)]
    assert shown[0] == shown[1]
    assert shown[0][:2] == (404, "common.not_found")


async def test_without_signing_in_private_and_absent_ask_for_the_same(api: MediaApi) -> None:
    private = await api.read(await uploaded(api), None)
    absent = await api.read(IDS.of_uuid("Media", new_uuid()), None)
    assert (private.status_code, private.headers["www-authenticate"]) == (
        absent.status_code,
        absent.headers["www-authenticate"],
    )
    assert private.status_code == 401


async def test_nothing_is_taken_without_token_and_proof(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.ask("POST", "/media", {"report": report.code}, None, content=photo())
    assert (answer.status_code, code_of(answer)) == (401, "identity.unauthenticated")


async def test_proof_of_another_address_is_refused(api: MediaApi) -> None:
    media = await uploaded(api)
    proof = api.credentials("lan", "GET", "/media")
    answer = await api.ask("GET", f"/media/{media}", who=None, headers=proof)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fopaque-ids", "..", "%2e%2e", "a%00b", "....//", "C:%5Cwindows", "media%2f00", "x" * 5_000],
)
async def test_name_that_leads_elsewhere_opens_nothing(api: MediaApi, name: str) -> None:
    answer = await api.ask("GET", f"/media/{name}", {"size": "full"})
    assert answer.status_code in range(400, 405)
    assert bytes(range(64)) not in answer.content


@pytest.mark.parametrize("size", ["../../../opaque-ids", "full/../thumb", "", "document", "THUMB"])
async def test_size_that_is_none_opens_nothing(api: MediaApi, size: str) -> None:
    answer = await api.read(await uploaded(api), size=size)
    assert answer.json()["errors"][0]["extensions"]["code"] in {"common.invalid_input", "common.not_found"}


async def test_database_hides_private_files_of_others(api: MediaApi) -> None:
    await uploaded(api)
    with connect(api.test_database.settings("backend_app")) as connection, connection.transaction():
        connection.execute("SELECT set_config('ioc.citizen', %s, true)", (str(new_uuid()),))
        connection.execute("SELECT set_config('ioc.units', '1,2,3', true)")
        assert connection.execute("SELECT id FROM media.object").fetchall() == []


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("DELETE FROM media.object", psycopg.errors.InsufficientPrivilege),
        (
            "INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content, octets,"
            " created_at) SELECT gen_random_uuid(), report_id, 2, uploader_id, 'document', 'released',"
            " 'application/pdf', 1, now() FROM media.object",
            psycopg.errors.InsufficientPrivilege,
        ),
    ],
    ids=["delete", "add released"],
)
async def test_application_adds_nothing_released_and_removes_nothing(
    api: MediaApi, change: str, refusal: type[Exception]
) -> None:
    await uploaded(api)
    ((citizen,),) = api.rows("SELECT citizen_id FROM reports.report")
    with connect(api.test_database.settings("backend_app")) as connection, connection.transaction():
        connection.execute("SELECT set_config('ioc.citizen', %s, true)", (str(citizen),))
        connection.execute("SELECT set_config('ioc.subject', %s, true)", (str(citizen),))
        with pytest.raises(refusal):
            connection.execute(change.encode())


@pytest.mark.parametrize(("who", "position"), [("lan", 11), ("lan", 30), ("minh", 10), ("minh", 1)])
async def test_place_of_the_other_side_is_refused(api: MediaApi, who: str, position: int) -> None:
    await uploaded(api)
    ((citizen, unit),) = api.rows("SELECT citizen_id, handler_id FROM reports.report")
    api.rows("DELETE FROM media.object RETURNING id")
    settings = {"lan": (str(citizen), str(citizen), ""), "minh": (str(new_uuid()), "", str(unit))}[who]
    with connect(api.test_database.settings("backend_app")) as connection, connection.transaction():
        for name, value in zip(("subject", "citizen", "units"), settings, strict=True):
            connection.execute("SELECT set_config(%s, %s, true)", (f"ioc.{name}", value))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content,"
                " octets, created_at) SELECT gen_random_uuid(), id, %s, %s, 'document', 'private',"
                " 'application/pdf', 1, now() FROM reports.report",
                (position, settings[0]),
            )


async def test_citizen_releases_nothing(api: MediaApi) -> None:
    await uploaded(api)
    ((citizen,),) = api.rows("SELECT citizen_id FROM reports.report")
    with connect(api.test_database.settings("backend_app")) as connection, connection.transaction():
        connection.execute("SELECT set_config('ioc.citizen', %s, true)", (str(citizen),))
        connection.execute("SELECT set_config('ioc.subject', %s, true)", (str(citizen),))
        done = connection.execute(
            "UPDATE media.object SET state = 'released', released_at = now(), released_by = uploader_id"
        )
    assert done.rowcount == 0
    assert api.rows("SELECT state FROM media.object") == [("private",)]


async def linked(api: MediaApi) -> tuple[str, str, dict[str, str]]:
    """A file's id, its link's path, and what the link says."""
    media = await uploaded(api)
    answer = await api.ask("POST", f"/media/{media}/links", {"size": "thumb"})
    assert answer.status_code == 201
    url = urlsplit(answer.json()["link"]["path"])
    return media, url.path, {name: value for name, (value,) in parse_qs(url.query).items()}


async def follow(api: MediaApi, path: str, said: dict[str, str]) -> tuple[int, str]:
    """What nobody in particular gets with a link."""
    answer = await api.ask("GET", f"{path}?{urlencode(said)}", who=None)
    return answer.status_code, "" if answer.status_code == 200 else code_of(answer)


async def test_link_opens_its_one_form(api: MediaApi) -> None:
    _, path, said = await linked(api)
    assert await follow(api, path, said) == (200, "")


@pytest.mark.parametrize("changed", [{"size": "full"}, {"type": "pdf"}, {"until": "99999999999"}])
async def test_changed_link_opens_nothing(api: MediaApi, changed: dict[str, str]) -> None:
    _, path, said = await linked(api)
    assert await follow(api, path, {**said, **changed}) == (403, "media.link_invalid")


async def test_each_changed_bit_of_a_signature_is_noticed(api: MediaApi) -> None:
    from foundation.ids import b64u, unb64u

    _, path, said = await linked(api)
    octets = unb64u(said["signature"])
    for place in range(len(octets)):
        broken = bytes([*octets[:place], octets[place] ^ 1, *octets[place + 1 :]])
        assert await follow(api, path, {**said, "signature": b64u(broken)}) == (403, "media.link_invalid")


@pytest.mark.parametrize("signature", ["", "A", "====", "A" * 43, "ä"])
async def test_signature_that_is_none_is_refused(api: MediaApi, signature: str) -> None:
    _, path, said = await linked(api)
    assert await follow(api, path, {**said, "signature": signature}) == (403, "media.link_invalid")


async def test_link_of_one_file_opens_no_other(api: MediaApi) -> None:
    _, _, said = await linked(api)
    other = await uploaded(api)
    assert await follow(api, f"/media/{other}", said) == (403, "media.link_invalid")


async def test_link_that_is_over_opens_nothing(api: MediaApi) -> None:
    from datetime import UTC, datetime, timedelta

    from backend.media.links import LinkSigner
    from backend.media.types import Content, Size

    media, path, _ = await linked(api)
    signer, then = LinkSigner(bytes(range(32))), datetime.now(UTC) - timedelta(seconds=61)
    link, signature = signer.sign(IDS.parse_uuid("Media", media), Size.THUMB, Content.JPEG, then)
    said = {"size": "thumb", "type": "jpg", "until": str(link.until), "signature": signature}
    assert await follow(api, path, said) == (403, "media.link_invalid")


@pytest.mark.parametrize("who", ["hung", "dung"])
async def test_nobody_gets_a_link_to_the_file_of_another(api: MediaApi, who: str) -> None:
    media = await uploaded(api)
    answer = await api.ask("POST", f"/media/{media}/links", {"size": "thumb"}, who)
    assert (answer.status_code, code_of(answer)) == (404, "common.not_found")


async def test_id_says_nothing_of_its_moment(api: MediaApi) -> None:
    media = await uploaded(api)
    ((inner,),) = api.rows("SELECT id FROM media.object")
    assert UUID(str(inner)).bytes not in IDS._siv.encrypt(b"", None) + media.encode()
    assert UUID(str(inner)).hex[:12] not in media
