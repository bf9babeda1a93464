"""A photo report on the running system: through the edge, with real sign-ins, past the real scanner."""

import secrets

import httpx

from cli.client import IocClient
from stack.home import ROOT
from tests.backend.media.pictures import exif, office, photo
from tests.backend.media.test_scanner import EICAR
from tests.conftest import RunningStack

OPERATIONS = ROOT / "mobile_contract" / "operations"


async def _report(lan: IocClient) -> str:
    chosen = {
        "category": "street_light",
        "ward": "00070",
        "place": "Ngõ 12 phố Hàng Bài",
        "body": "Đèn đường tắt từ tối qua.",
        "idempotencyKey": secrets.token_hex(16),
    }
    document = (OPERATIONS / "SubmitReport.graphql").read_text(encoding="utf-8")
    answer = await lan.graphql(document, {"input": chosen})
    return str(answer["data"]["submitReport"]["code"])


async def _upload(client: IocClient, code: str, octets: bytes, content_type: str) -> httpx.Response:
    headers = [
        *await client.headers("POST", "/media"),
        ("Idempotency-Key", secrets.token_hex(16)),
        ("Content-Type", content_type),
    ]
    return await client.raw("POST", "/media", headers=headers, params={"report": code}, content=octets)


async def test_photo_goes_from_the_citizen_to_the_ward(running_stack: RunningStack) -> None:
    async with running_stack.client("lan") as lan, running_stack.client("minh") as minh:
        code = await _report(lan)
        octets = photo(width=4000, height=3000, exif=exif(), quality=98)
        media = (await _upload(lan, code, octets, "image/jpeg")).json()["media"]
        read = await minh.raw("GET", f"/media/{media['id']}")
        linked = (await minh.raw("POST", f"/media/{media['id']}/links")).json()["link"]
        followed = await minh.http.get(minh.endpoints.api_url + linked["path"])
        nobody = await minh.http.get(f"{minh.endpoints.api_url}/media/{media['id']}")
    assert (read.status_code, followed.status_code, nobody.status_code) == (200, 200, 401)
    assert (read.headers["content-type"], followed.content) == ("image/jpeg", read.content)
    assert b"MARK" not in read.content


async def test_infected_document_is_stopped_by_the_scanner(running_stack: RunningStack) -> None:
    async with running_stack.client("lan") as lan:
        code = await _report(lan)
        infected = await _upload(lan, code, office(word__media__a_dot_xml=EICAR), "application/octet-stream")
        clean = await _upload(lan, code, office(), "application/octet-stream")
    assert infected.json()["errors"][0]["extensions"]["code"] == "media.infected"
    assert clean.status_code == 201
