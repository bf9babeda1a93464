"""`ioc demo`: a report's way to the ward and back, an officer's way in and out; each claim checked."""

import asyncio
import secrets

import httpx

from cli import place
from cli.client import ApiRefused, LoginRefused
from cli.demo_channels import tell_of_the_call
from cli.demo_ledger import tell_of_the_ledger
from cli.demo_officer import tell_of_the_officer
from cli.drawing import photo_of_a_mended_lamp
from cli.graphql import endpoints
from cli.journey import Answer, ClaimFailed, Journey
from cli.output import console
from cli.push import pushes
from stack.certificates import Pair
from stack.errors import StackError

WARD, DEPARTMENT = "00070", "D0001"
PLACE = "Trước số 12 phố Hàng Bài"
BODY = "Đèn đường tắt ba tối liền, đoạn này rất tối."
QUESTION = "Cột đèn mang số mấy?"
REPLY = "Cột số 7, cạnh trạm xe buýt."
RESULT = "Đã thay bóng đèn cột số 7 lúc 15 giờ."


def demo() -> None:
    """Tell the journey on the running stack. Exit code 1 when a step differs from its claim."""
    stack = place.existing()
    try:
        journey = Journey(stack.home.folder, endpoints(stack), stack.soc.file, console)
        asyncio.run(tell(journey, stack.certificates.channel))
    except ClaimFailed as error:
        raise StackError(
            "demo", f"a claim does not hold: {error}", "./ioc status, then ./ioc logs api"
        ) from error
    except (ApiRefused, LoginRefused) as error:
        raise StackError(
            "demo", f"somebody was not let in: {error}", "./ioc status, ./ioc logs keycloak"
        ) from error
    except httpx.TransportError as error:
        raise StackError("demo", f"no answer: {error}", "./ioc status, ./ioc up") from error


async def tell(journey: Journey, hotline: Pair) -> None:
    """The whole journey; `hotline`: the certificate of the far end of channel 1022.

    Raises ClaimFailed at the first step that differs from its claim.
    """
    async with journey:
        code = await submitted(journey)
        await followed(journey, code)
        await seen_by_units(journey, code)
        await accepted(journey, code)
        await asked_and_replied(journey, code)
        await forwarded_and_answered(journey, code)
        await closed(journey, code)
        await tell_of_the_ledger(journey, code)
        await refused(journey, code)
        await tell_of_the_officer(journey)
        await tell_of_the_call(journey, hotline)
        journey.chapter("The log")
        journey.check_log()
        journey.end(code)


async def submitted(journey: Journey) -> str:
    """Lan reports."""
    journey.chapter("A citizen reports a broken street lamp")
    journey.tell("Lan (citizen)", "signs in at Keycloak; her phone's key binds every token")
    await journey.sign_in("lan", fresh=True)
    journey.tell("Lan", f"reports: “{BODY}”")
    given = {"category": "street_light", "ward": WARD, "place": PLACE, "body": BODY}
    changed = await journey.change("lan", "SubmitReport", **given)
    report = changed.get("report") or {}
    handler = report.get("handler", {})
    journey.claim(
        f"it has the code {report.get('shownCode')} and went at once to {handler.get('name')}",
        holds=handler.get("code") == WARD and changed.get("state") == "RECEIVED",
        seen=changed,
    )
    code: str = changed["code"]
    await journey.soc_received("session.open", "allow")
    await journey.soc_received("report.submit", "allow", f"report:{code}")
    return code


async def followed(journey: Journey, code: str) -> None:
    """Anybody follows by code."""
    journey.chapter("Anybody who has the code follows it, without signing in")
    seen = await journey.ask_anonymously("TrackReport", code=code.lower())
    text = str(seen)
    journey.claim(
        f"state {seen.get('state')}, ward {seen.get('ward', {}).get('name')}; neither text nor exact place",
        holds=seen.get("state") == "RECEIVED" and BODY not in text and PLACE not in text,
        seen=seen,
    )


async def seen_by_units(journey: Journey, code: str) -> None:
    """The ward sees it, another commune doesn't."""
    journey.chapter("The ward sees it, another commune does not")
    journey.tell("Minh (Hoàn Kiếm ward)", "signs in with password and one-time code, lists new reports")
    listed = await journey.ask("minh", "UnitReports", state="RECEIVED", first=50)
    codes = [edge["node"]["code"] for edge in listed["edges"]]
    journey.claim("the report is in the ward's list", holds=code in codes, seen=codes)
    journey.tell("Dũng (Sóc Sơn)", "asks for the same code")
    hidden = await journey.ask("dung", "Report", code=code)
    absent = await journey.ask("dung", "Report", code="0" * 16)
    journey.claim(
        f"refused: {hidden.get('code')}: {hidden.get('message')}",
        holds=hidden.get("code") == "common.not_found",
        seen=hidden,
    )
    journey.claim("a code that does not exist gives the same answer", holds=hidden == absent, seen=absent)
    await journey.soc_received("report.read", "deny")


async def accepted(journey: Journey, code: str) -> None:
    """Two officers; one wins."""
    journey.chapter("Two officers at once: one wins, the other is told")
    phone = await phone_of_lan(journey)
    changed = await journey.change("minh", "AcceptReport", code=code, expectedVersion=1)
    journey.claim("Minh accepts it", holds=changed.get("state") == "IN_PROGRESS", seen=changed)
    told = await journey.change("thao", "AcceptReport", code=code, expectedVersion=1)
    journey.claim(
        f"Thảo is told: {told.get('code')}, the current version is {told.get('currentVersion')}",
        holds=told.get("code") == "common.version_conflict" and told.get("currentVersion") == 2,
        seen=told,
    )
    await journey.soc_received("report.accept", "allow", f"report:{code}")
    await journey.soc_received("report.accept", "deny", f"report:{code}")
    await pushed(journey, phone)


async def asked_and_replied(journey: Journey, code: str) -> None:
    """A question and its reply."""
    journey.chapter("The officer asks, the citizen is told and replies")
    asked = await journey.change("minh", "AskCitizen", code=code, expectedVersion=2, question=QUESTION)
    journey.claim(f"Minh asks: “{QUESTION}”", holds=asked.get("state") == "AWAITING_CITIZEN", seen=asked)

    async def look() -> list[Answer]:
        inbox = await journey.ask("lan", "Inbox", first=20)
        nodes = [edge["node"] for edge in inbox["edges"]]
        return [node for node in nodes if node["kind"] == "report.asked" and node["version"] == 3]

    notices = await journey.until(look)
    journey.claim("the worker put a notice into Lan's inbox", holds=bool(notices), seen=notices)
    replied = await journey.change("lan", "ReplyToQuestion", code=code, expectedVersion=3, text=REPLY)
    journey.claim(f"Lan replies: “{REPLY}”", holds=replied.get("state") == "IN_PROGRESS", seen=replied)


async def phone_of_lan(journey: Journey) -> str:
    """Lan's phone asks to be woken. Its token at Google."""
    token = f"demo-{secrets.token_hex(16)}"
    journey.tell("Lan", "wants her phone to be woken, at any hour")
    wish = {"push": True, "sms": "NEVER", "email": "NEVER", "quietHours": None}
    await journey.change("lan", "SetNotificationPreferences", **wish)
    (push,) = [one for one in await journey.ask_list("lan", "MyConsents") if one["purpose"] == "push"]
    agreed = await journey.change("lan", "GiveConsent", purpose="push", version=push["version"])
    journey.claim(
        "Lan agrees to push, which goes through Google", holds=agreed.get("given") is True, seen=agreed
    )
    registered = await journey.change("lan", "RegisterPushToken", platform="ANDROID", token=token)
    journey.claim("Lan's phone can be woken", holds=registered.get("platform") == "ANDROID", seen=registered)
    return token


async def pushed(journey: Journey, phone: str) -> None:
    """What Google gets to see, and what the app makes of it."""

    async def look() -> list[Answer]:
        return [one for one in pushes(journey.home / "push.jsonl") if one["token"] == phone]

    woken = await journey.until(look)
    data = woken[-1]["data"] if woken else {}
    journey.claim(
        f"her phone was woken by a push that says nothing: {data}", holds=list(data) == ["id"], seen=woken
    )
    shown = await journey.ask_list("lan", "PushedNotices", push=data["id"])
    journey.claim(
        "with that id and her own sign-in the app learns what it was: her report was accepted",
        holds="report.accepted" in [one["kind"] for one in shown],
        seen=shown,
    )


async def forwarded_and_answered(journey: Journey, code: str) -> None:
    """To the department."""
    journey.chapter("The ward forwards it, the department answers")
    note = {"code": code, "expectedVersion": 4, "toUnit": DEPARTMENT, "note": "Thuộc thẩm quyền của Sở."}
    moved = await journey.change("minh", "ForwardReport", **note)
    handler = (moved.get("report") or {}).get("handler", {})
    journey.claim(f"it is with {handler.get('name')}", holds=handler.get("code") == DEPARTMENT, seen=moved)
    taken = await journey.change("ha", "AcceptReport", code=code, expectedVersion=5)
    journey.claim("Hà accepts it", holds=taken.get("state") == "IN_PROGRESS", seen=taken)
    answered = await journey.change("ha", "AnswerReport", code=code, expectedVersion=6, text=RESULT)
    journey.claim(f"Hà answers: “{RESULT}”", holds=answered.get("state") == "ANSWERED", seen=answered)


async def closed(journey: Journey, code: str) -> None:
    """The end, as each sees it."""
    journey.chapter("It is closed with evidence; everybody sees the end")
    blind = await journey.change("ha", "CloseReport", code=code, expectedVersion=7, reason="RESOLVED")
    journey.claim(
        f"without a photo of what was done it is not closed: “{blind.get('message')}”",
        holds=blind.get("__typename") == "EvidenceMissing",
        seen=blind,
    )
    shown = await journey.upload("ha", code, photo_of_a_mended_lamp())
    journey.claim("Hà adds a photo of the lamp that is lit again", holds=shown.is_success, seen=shown.text)
    end = await journey.change("ha", "CloseReport", code=code, expectedVersion=7, reason="RESOLVED")
    journey.claim("Hà closes it as resolved", holds=end.get("state") == "CLOSED", seen=end)
    await journey.soc_received("report.close", "allow", f"report:{code}")
    seen = await journey.ask("lan", "Report", code=code)
    steps = [entry["step"] for entry in seen.get("timeline", [])]
    journey.claim(
        f"Lan reads the answer: “{seen.get('answer')}”", holds=seen.get("answer") == RESULT, seen=seen
    )
    journey.claim(f"the timeline shows each step: {', '.join(steps)}", holds=len(steps) == 8, seen=steps)
    rated = await journey.change(
        "lan", "RateReport", code=code, expectedVersion=8, stars=5, text="Cảm ơn, đèn đã sáng."
    )
    journey.claim("Lan gives five stars: ★★★★★", holds=rated.get("version") == 9, seen=rated)
    public = await journey.ask_anonymously("TrackReport", code=code)
    journey.claim(
        "everybody sees it closed, still without a text",
        holds=public.get("state") == "CLOSED" and BODY not in str(public) and RESULT not in str(public),
        seen=public,
    )


async def refused(journey: Journey, code: str) -> None:
    """Three refusals."""
    journey.chapter("Three that are refused")
    again = await journey.change("ha", "AcceptReport", code=code, expectedVersion=9)
    journey.tell("Hà", "tries to accept the closed report")
    journey.claim(
        f"a closed report can't be accepted: {again.get('code')}",
        holds=again.get("code") == "reports.illegal_transition",
        seen=again,
    )
    client = await journey.sign_in("lan")
    headers = await client.headers()
    body = {"query": "{ viewer { __typename } }"}
    first = await client.http.post(f"{client.endpoints.api_url}/graphql", json=body, headers=headers)
    stolen = await client.http.post(f"{client.endpoints.api_url}/graphql", json=body, headers=headers)
    journey.claim(
        f"a proof caught on the way and sent again: {stolen.status_code} {_code(stolen)}",
        holds=(first.status_code, stolen.status_code) == (200, 401) and "WWW-Authenticate" in stolen.headers,
        seen=stolen.text,
    )
    bare = {"Authorization": f"Bearer {await client.access_token()}"}
    thief = await client.http.post(f"{client.endpoints.api_url}/graphql", json=body, headers=bare)
    journey.claim(
        f"a stolen token without its key: {thief.status_code} {_code(thief)}",
        holds=thief.status_code == 401,
        seen=thief.text,
    )


def _code(response: httpx.Response) -> str:
    code: str = response.json()["errors"][0]["extensions"]["code"]
    return code
