"""The demo's second story: an officer comes, works on a photo report that Lan follows live, and is out."""

import asyncio
import secrets
import time

import httpx

from cli.activation import activate, link_in
from cli.client import ApiRefused, IocClient, LoginRefused, Person, https_client
from cli.drawing import facts, photo_of_a_dark_lamp, photo_of_a_mended_lamp
from cli.journey import Answer, Journey, document
from cli.live import Live, Seen
from cli.mail import letters, read, text_of

WARD = "00070"
NEW = "anh"
NAME = ("Đặng", "Thị Ngọc Ánh")
BODY = "Cột đèn trước trường học không sáng, xem ảnh."
PLACE = "Trước số 40 phố Tràng Thi"
RESULT = "Đã thay bóng, đèn sáng lúc 17 giờ 30."
VIEWER = "{ viewer { ... on Official { name unit { code } duties { kind } } } }"
LIVE_WITHIN_SECONDS = 2.0
OUT_WITHIN_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.1
_DISABLED = "vô hiệu hóa"
"""Keycloak's words for a disabled account, told only to who knows its password."""


async def tell_of_the_officer(journey: Journey) -> None:
    """The whole story. Raises ClaimFailed at the first step that differs from its claim."""
    invited = await invitation(journey)
    code, photo = await photo_report(journey)
    lan, officer = await journey.sign_in("lan"), await journey.sign_in(NEW)
    subscription = document("Changes")
    async with Live(lan, subscription) as phone, Live(officer, subscription) as desk:
        report = await journey.ask("lan", "Report", code=code)
        await worked_on(journey, phone, report, photo)
        await suspended(journey, invited, desk)
        await taken_over(journey, phone, report)


async def invitation(journey: Journey) -> str:
    """Yến invites Ánh, who activates. The account's code."""
    journey.chapter("An administrator invites an officer, who activates with a second factor")
    username = f"moi.{secrets.token_hex(4)}"
    address = f"{username}@ioc.hanoi.example"
    family, given = NAME
    journey.tell("Yến (administrator)", f"invites {family} {given} as officer of her ward")
    invited = await journey.change_signed(
        "yen",
        "InviteOfficial",
        unit=WARD,
        username=username,
        email=address,
        familyName=family,
        givenName=given,
        duties=[{"kind": "HANDLER", "unit": WARD}],
    )
    code: str = invited.get("code", "")
    journey.claim("the invitation waits for her", holds=invited.get("state") == "INVITED", seen=invited)
    await journey.soc_received("official.invite", "allow", f"official:{code}")
    letter = await journey.until(lambda: _letter_to(journey, address))
    journey.claim(f"Keycloak sent a letter to {address}", holds=bool(letter), seen=letter)
    async with https_client(journey.endpoints.ca_file) as browser:
        password, secret = await activate(browser, link_in(letter))
    journey.tell("Ánh (new officer)", "follows the link: her own password, her own one-time codes")
    journey.welcome(NEW, Person(username, "hanoi-ioc", password, secret, WARD))
    viewer = (await (await journey.sign_in(NEW)).graphql(VIEWER)).get("data", {}).get("viewer", {})
    journey.claim(
        f"she signs in with both and is {viewer.get('name')}, officer of Hoàn Kiếm",
        holds=viewer.get("name") == f"{family} {given}" and viewer.get("unit") == {"code": WARD},
        seen=viewer,
    )
    return code


async def photo_report(journey: Journey) -> tuple[str, Answer]:
    """Lan reports with a photo: the report's code, the photo."""
    journey.chapter("A citizen reports with a photo")
    given = {"category": "street_light", "ward": WARD, "place": PLACE, "body": BODY}
    code: str = (await journey.change("lan", "SubmitReport", **given))["code"]
    journey.tell("Lan", f"reports: “{BODY}”")
    taken = photo_of_a_dark_lamp()
    form, width, height, noted = facts(taken)
    journey.tell(
        "Lan", f"adds a photo: {form} {width}×{height}, {len(taken) // 1024} KiB, {noted} EXIF entries"
    )
    answer = await journey.upload("lan", code, taken)
    photo: Answer = answer.json().get("media", {})
    journey.claim(
        f"it is taken and turned upright ({photo.get('width')}×{photo.get('height')})",
        holds=answer.status_code == httpx.codes.CREATED
        and (photo["width"], photo["height"]) == (height, width),
        seen=answer.text,
    )
    nobody = await journey.fetch(None, photo["id"])
    journey.claim(
        f"who has only its address does not get it: {nobody.status_code}",
        holds=nobody.status_code == httpx.codes.UNAUTHORIZED,
        seen=nobody.text[:200],
    )
    await journey.soc_received("media.upload", "allow", f"report:{code}")
    return code, photo


async def worked_on(journey: Journey, phone: Live, report: Answer, photo: Answer) -> None:
    """Ánh works; Lan's phone shows each step."""
    journey.chapter("The new officer works on it, the citizen follows live")
    code = report["code"]
    journey.tell("Lan", "keeps the app open: a WebSocket, with a token bound to her phone's key")
    sent = time.monotonic()
    taken = await journey.change(NEW, "AcceptReport", code=code, expectedVersion=1)
    journey.claim("Ánh accepts it", holds=taken.get("state") == "IN_PROGRESS", seen=taken)
    await shown_live(journey, phone, report["id"], 2, sent)
    seen = await journey.fetch(NEW, photo["id"])
    _, width, height, noted = facts(seen.content)
    journey.tell("Ánh", f"looks at the photo ({journey.keep(f'{code}.jpg', seen.content)}):")
    journey.picture(seen.content)
    journey.claim(
        f"made anew, {width}×{height}: no EXIF is left, so neither place nor time",
        holds=noted == 0 and b"Exif" not in seen.content,
        seen=noted,
    )
    sent = time.monotonic()
    answered = await journey.change(NEW, "AnswerReport", code=code, expectedVersion=2, text=RESULT)
    journey.claim(f"Ánh answers: “{RESULT}”", holds=answered.get("state") == "ANSWERED", seen=answered)
    await shown_live(journey, phone, report["id"], 3, sent)


async def shown_live(journey: Journey, phone: Live, report_id: str, version: int, sent: float) -> None:
    """Claim that the phone showed this version of the report soon after the officer's step was sent."""

    async def look() -> Seen | None:
        return next((one for one in phone.seen if _is(one, report_id, version)), None)

    seen = await journey.until(look)
    took = seen.at - sent if seen else -1.0
    journey.claim(
        f"Lan's phone shows version {version}, {took * 1000:.0f} ms after the officer's tap",
        holds=0 <= took <= LIVE_WITHIN_SECONDS,
        seen=phone.seen,
    )


async def suspended(journey: Journey, code: str, desk: Live) -> None:
    """Yến suspends Ánh; how long she still gets in."""
    journey.chapter("The officer is suspended and is out within 5 seconds")
    account = await journey.ask("yen", "Official", code=code)
    officer = await journey.sign_in(NEW)
    await officer.access_token()
    journey.tell("Yến", "suspends Ánh, who is signed in with a token that has minutes left")
    step = {"code": code, "expectedVersion": account["version"], "note": "Thử việc đình chỉ"}
    changed = await journey.change_signed("yen", "SuspendOfficial", **step)
    told = time.monotonic()
    journey.claim("she is suspended", holds=changed.get("state") == "SUSPENDED", seen=changed)
    refusal, took = await until_refused(officer, told)
    journey.claim(
        f"her next request is refused {took:.2f} s later: {refusal}",
        holds=took <= OUT_WITHIN_SECONDS,
        seen=refusal,
    )
    journey.meter(took, OUT_WITHIN_SECONDS)

    async def look() -> float | None:
        return desk.closed_at

    closed = (await journey.until(look)) or told + 1_000
    journey.claim(
        f"her open live connection was closed {closed - told:.2f} s later ({desk.close_code})",
        holds=closed - told <= OUT_WITHIN_SECONDS and desk.close_code == 4401,
        seen=(closed - told, desk.close_code),
    )
    await account_closed(journey, code)
    await journey.soc_received("official.suspend", "allow", f"official:{code}")


async def account_closed(journey: Journey, code: str) -> None:
    """Keycloak lets her in no more."""

    async def look() -> list[str] | None:
        seen = await journey.ask("yen", "Official", code=code)
        states = [request["state"] for request in seen["directoryRequests"]]
        return states if seen["directoryRequests"] and set(states) == {"done"} else None

    done = await journey.until(look)
    journey.claim("the directory has done its part at Keycloak", holds=bool(done), seen=done)
    officer = await journey.sign_in(NEW)
    officer.http.cookies.clear()
    try:
        await officer.sign_in()
    except LoginRefused as refused:
        said = str(refused)
        journey.claim(f"signing in again is refused: “{said}”", holds=_DISABLED in said, seen=said)
    else:
        journey.claim("signing in again is refused", holds=False, seen="she got a token")


async def taken_over(journey: Journey, phone: Live, report: Answer) -> None:
    """The work does not stop with the officer."""
    journey.chapter("Her colleague ends the work, the citizen still follows")
    code = report["code"]
    shown = await journey.upload("minh", code, photo_of_a_mended_lamp())
    journey.claim("Minh adds a photo of the mended lamp", holds=shown.is_success, seen=shown.text)
    sent = time.monotonic()
    end = await journey.change("minh", "CloseReport", code=code, expectedVersion=3, reason="RESOLVED")
    journey.claim("Minh closes it as resolved", holds=end.get("state") == "CLOSED", seen=end)
    await shown_live(journey, phone, report["id"], 4, sent)
    versions = [one.change["version"] for one in phone.seen if one.change["subjectId"] == report["id"]]
    journey.claim(
        f"she missed none and saw them in order: {', '.join(map(str, versions))}",
        holds=versions == sorted(versions) and {2, 3, 4} <= set(versions),
        seen=versions,
    )


async def until_refused(officer: IocClient, since: float) -> tuple[str, float]:
    """Ask again and again: (the refusal, seconds since `since`), or the last when patience ends."""
    while True:
        try:
            await officer.graphql(VIEWER)
        except ApiRefused as refused:
            return (
                f"{refused.status} {refused.body['errors'][0]['extensions']['code']}",
                time.monotonic() - since,
            )
        if time.monotonic() - since > 2 * OUT_WITHIN_SECONDS:
            return "she is still let in", time.monotonic() - since
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _letter_to(journey: Journey, address: str) -> str:
    """The letter to an address, empty while it has not come."""
    for file in reversed(letters(journey.home / "mail")):
        if read(file)["x-recipients"] == address:
            return text_of(read(file))
    return ""


def _is(seen: Seen, subject: str, version: int) -> bool:
    return (seen.change["subjectId"], seen.change["version"]) == (subject, version)
