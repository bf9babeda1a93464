"""The demo's third story: a call to the hotline 1022 becomes a report whose countdown everybody sees."""

import secrets
from datetime import datetime

from cli.client import https_client
from cli.hotline import Hotline
from cli.journey import Answer, Journey
from foundation.clock import HANOI
from stack.certificates import Pair

WARD = "00070"
CALL = "Cột đèn đầu ngõ 5 phố Lý Thường Kiệt nhấp nháy suốt đêm."
PLACE = "Đầu ngõ 5 phố Lý Thường Kiệt"
_MET = {"MET"}
_STANDS, _RUNS = {"PAUSED"}, {"RUNNING"}


async def tell_of_the_call(journey: Journey, pair: Pair) -> None:
    """The whole story. Raises ClaimFailed at the first step that differs from its claim."""
    async with (
        https_client(journey.endpoints.ca_file) as http,
        Hotline(pair, http, journey.endpoints.api_url) as hotline,
    ):
        version = await opened(journey, hotline)
        code = await handed_in(journey, hotline)
        await counted_down(journey, code)
        await told_back(journey, hotline, code)
        await suspended(journey, hotline, version)
    await seen_by_the_city(journey)


async def opened(journey: Journey, hotline: Hotline) -> int:
    """Tú opens a channel and hands out its keys. The channel's version."""
    journey.chapter("A hotline becomes a channel")
    code = f"1022-{secrets.token_hex(3)}"
    journey.tell("Tú (platform)", f"opens the channel {code} and hands out its two keys")
    asked = {"kind": "WEBHOOK", "name": "Tổng đài 1022", "callbackUrl": hotline.callback_url}
    made = await journey.change("tu", "CreateChannel", code=code, **asked)
    journey.claim("it is there, with a key for each way", holds="sendSecret" in made, seen=made.keys())
    hotline.agree(code, made["sendSecret"], made["receiveSecret"])
    version: int = made["version"]
    return version


async def handed_in(journey: Journey, hotline: Hotline) -> str:
    """A call, said twice, and one of somebody without the key. The report's code."""
    journey.chapter("A call to 1022 becomes a report; said twice it is one")
    call, phone = secrets.token_hex(6), f"0903{secrets.randbelow(10**6):06}"
    data = {"category": "street_light", "ward": WARD, "place": PLACE, "body": CALL, "phone": phone}
    journey.tell("A caller", f"“{CALL}”")
    forged = await hotline.hand_in(call, data, forged=True)
    journey.claim(
        f"signed by somebody without the key it is refused: {forged.status_code}",
        holds=forged.status_code == 401,
        seen=forged.text,
    )
    taken = await hotline.hand_in(call, data)
    report: Answer = taken.json().get("report", {})
    journey.claim(
        f"signed by the hotline it is taken: {report.get('shownCode')}, at unit {report.get('unit')}",
        holds=taken.status_code == 201 and report.get("unit") == WARD,
        seen=taken.text,
    )
    code: str = report["code"]
    again = await hotline.hand_in(call, data)
    journey.claim(
        "sent again it is the same report, not a second one",
        holds=again.status_code == 200 and again.json()["report"]["code"] == code,
        seen=again.text,
    )
    await journey.soc_received("report.submit", "allow", f"report:{code}")
    return code


async def counted_down(journey: Journey, code: str) -> None:
    """The countdown runs, stands still with its reason, goes on, and is kept: all in public."""
    journey.chapter("Everybody sees the countdown, and why it stands still")
    running = await clock(journey, code, "RECEIVE", _RUNS)
    left, due = running["remainingMinutes"], moment(running["dueAt"])
    journey.claim(
        f"8 working hours to receive it: {left // 60} h {left % 60:02} min are left, until {due}",
        holds=0 < left <= 8 * 60,
        seen=running,
    )
    journey.meter(left / 60, 8, "h")
    await journey.change("minh", "AcceptReport", code=code, expectedVersion=1)
    kept = await clock(journey, code, "RECEIVE", _MET)
    journey.claim("Minh accepts it in time: that clock is kept", holds=kept["state"] == "MET", seen=kept)
    reasons = await journey.ask_list("minh", "PauseReasons")
    reason = next(one for one in reasons if one["code"] == "materials")
    await journey.change("minh", "PauseDeadline", code=code, reasonCode=reason["code"])
    stands = await clock(journey, code, "HANDLE", _STANDS)
    journey.claim(
        f"Minh pauses handling: “{reason['name']}”, at the longest until {moment(stands['pausedUntil'])}",
        holds=stands["state"] == "PAUSED",
        seen=stands,
    )
    await journey.change("minh", "ResumeDeadline", code=code)
    goes = await clock(journey, code, "HANDLE", _RUNS)
    journey.claim(f"it goes on, due {moment(goes['dueAt'])}", holds=goes["state"] == "RUNNING", seen=goes)


async def told_back(journey: Journey, hotline: Hotline, code: str) -> None:
    """What the hotline can tell its caller."""
    journey.chapter("The hotline is told, so that it can tell its caller")

    async def look() -> list[Answer]:
        return [one for one in hotline.told if one.get("data", {}).get("code") == code]

    told = await journey.until(look)
    journey.claim(
        "the change came back signed, with the state and no text of anybody",
        holds=bool(told) and CALL not in str(told),
        seen=hotline.told,
    )
    for data in (one["data"] for one in told):
        journey.tell("1022", f"reads: call {data['id']}, {data['step']}, {data['unit']['name']}")


async def suspended(journey: Journey, hotline: Hotline, version: int) -> None:
    """The channel ends with the demo."""
    done = await journey.change("tu", "SuspendChannel", code=hotline.code, expectedVersion=version)
    journey.claim(
        "suspended, the channel hands nothing in any more",
        holds=(done.get("channel") or {}).get("state") == "SUSPENDED",
        seen=done,
    )


async def seen_by_the_city(journey: Journey) -> None:
    """Officials' figures now, the public's by the hour."""
    journey.chapter("Figures: the city within seconds, everybody by the hour")
    today = datetime.now(HANOI).date().isoformat()
    of = {"fromDay": today, "untilDay": today}
    figures = await journey.ask("quang", "Figures", of=of)
    received = figures["now"]["received"]
    journey.claim(f"Quang (city) sees {received} reports of today", holds=received >= 3, seen=figures)
    names = [(row["categoryCode"], row["now"]["received"]) for row in figures["categories"]]
    most = max(count for _, count in names)
    for name, count in sorted(names, key=lambda row: -row[1])[:3]:
        journey.bar(name, count, most)
    public = await journey.ask_anonymously("PublicFigures", places=5)
    journey.claim(
        "of today's few reporters the public figures show nothing: a number stands for five people at least",
        holds=all(row["reports"] % 5 == 0 for row in public.get("categories", [])),
        seen=public,
    )


async def clock(journey: Journey, code: str, kind: str, states: set[str]) -> Answer:
    """A deadline as anybody sees it, once the worker has reckoned it, or as it is when patience ends."""
    seen: Answer = {}

    async def look() -> Answer | None:
        nonlocal seen
        report = await journey.ask_anonymously("TrackReport", code=code)
        # None until the worker has reckoned them.
        clocks = (report["deadlines"] or {"deadlines": []})["deadlines"]
        seen = next((one for one in clocks if one["kind"] == kind), {})
        return seen if seen.get("state") in states else None

    await journey.until(look)
    return seen


def moment(text: str) -> str:
    """A moment as people in Ha Noi write it."""
    return f"{datetime.fromisoformat(text).astimezone(HANOI):%H:%M %d/%m}"
