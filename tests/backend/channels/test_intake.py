"""What channels hand in: once, whole, with a unit; and what becomes of the rest."""

import asyncio
import secrets
from datetime import timedelta

import pytest

from foundation.phones import Phone
from tests.backend.channels.rig import PHONE, PLACE, Channels, data
from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, NOON, TEXT

REPORTS = "SELECT count(*) FROM reports.report"


def nothing_was_written(channels: Channels) -> bool:
    """No row of a report, nor of what goes along with one."""
    counts = channels.rows(
        "SELECT (SELECT count(*) FROM reports.report) + (SELECT count(*) FROM reports.timeline)"
        " + (SELECT count(*) FROM changes.change) + (SELECT count(*) FROM channels.inbound)"
        " + (SELECT count(*) FROM citizens.citizen) + (SELECT count(*) FROM channels.fingerprint)"
        " + (SELECT count(*) FROM jobs.procrastinate_jobs)"
    )
    return bool(counts == [(0,)])


async def test_signed_report_is_taken_in_with_unit_and_event(channels: Channels) -> None:
    answer = await channels.send("1022", "call-1")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["outcome"], told["report"]["unit"], told["report"]["state"]) == (
        "taken",
        HOAN_KIEM,
        "received",
    )
    code = told["report"]["code"]
    assert channels.rows(
        "SELECT r.category, r.state, u.code, t.actor_kind, r.routing_reason ->> 'rule' FROM reports.report r"
        " JOIN tenancy.unit u ON u.id = r.handler_id JOIN reports.timeline t ON t.report_id = r.id"
        " WHERE r.code = %s",
        code,
    ) == [("street_light", "received", HOAN_KIEM, "channel", "ward-handles")]
    lines = channels.rows("SELECT line::jsonb FROM audit.event")
    (line,) = (row[0] for row in lines)
    assert line["actor"] == {"app_name": "channel-1022"}
    assert (line["unmapped"]["action"], line["unmapped"]["unit"], line["unmapped"]["resource"]) == (
        "report.submit",
        HOAN_KIEM,
        f"report:{code}",
    )
    jobs = channels.rows("SELECT task_name FROM jobs.procrastinate_jobs")
    assert jobs == [("reports.fan_out",)]


async def test_repeated_message_is_the_answer_of_then(channels: Channels) -> None:
    first = await channels.send("1022", "call-1")
    again = await channels.send("1022", "call-1")
    assert (again.status_code, again.json()["outcome"]) == (200, "repeated")
    assert again.json()["report"] == first.json()["report"]
    assert channels.rows(REPORTS) == [(1,)]


async def test_other_words_under_a_used_id_are_refused(channels: Channels) -> None:
    await channels.send("1022", "call-1")
    other = await channels.send("1022", "call-1", data(body="Cây đổ chắn ngang đường"))
    assert (other.status_code, code_of(other)) == (409, "idempotency.mismatch")
    assert channels.rows(REPORTS) == [(1,)]


async def test_same_id_sent_at_once_is_one_report(channels: Channels) -> None:
    answers = await asyncio.gather(*(channels.send("1022", "call-1") for _ in range(6)))
    assert sorted(answer.json()["outcome"] for answer in answers) == ["repeated"] * 5 + ["taken"]
    assert channels.rows(REPORTS) == [(1,)]


async def test_same_person_place_and_words_by_two_channels_is_linked(channels: Channels) -> None:
    first = await channels.send("1022", "call-1")
    # Other accents, another way to write the number, another order of blanks.
    same = data(body="  Den duong tat tu toi qua, rat toi va nguy hiem", phone="+84912345678")
    second = await channels.send("portal", "form-9", same)
    assert (second.status_code, second.json()["outcome"]) == (200, "linked")
    assert second.json()["report"]["code"] == first.json()["report"]["code"]
    assert channels.rows("SELECT channel, linked FROM channels.inbound ORDER BY at, channel") == [
        ("1022", False),
        ("portal", True),
    ]


async def test_same_words_at_once_by_two_channels_are_one_report(channels: Channels) -> None:
    answers = await asyncio.gather(channels.send("1022", "call-1"), channels.send("portal", "form-1"))
    assert sorted(answer.json()["outcome"] for answer in answers) == ["linked", "taken"]
    assert channels.rows(REPORTS) == [(1,)]


@pytest.mark.parametrize(
    "changes", [{"phone": "0987 654 321"}, {"place": "Ngõ 99"}, {"body": "Cống tắc"}, {"phone": None}]
)
async def test_what_differs_is_a_report_of_its_own(channels: Channels, changes: dict) -> None:
    await channels.send("1022", "call-1")
    other = await channels.send("portal", "form-1", data(**changes))
    assert (other.status_code, other.json()["outcome"]) == (201, "taken")


async def test_same_words_after_the_window_are_a_report_of_its_own(channels: Channels) -> None:
    await channels.send("1022", "call-1")
    channels.clock.advance(timedelta(hours=25))
    assert (await channels.send("portal", "form-1")).json()["outcome"] == "taken"


@pytest.mark.parametrize(
    ("changes", "unit", "reason"),
    [
        ({"ward": "99999"}, CITY, {"ward": "unknown"}),
        ({"ward": None}, CITY, {"ward": "unknown"}),
        ({"category": None}, HOAN_KIEM, {"category": "unknown"}),
        ({"category": "nonsense"}, HOAN_KIEM, {"category": "unknown"}),
        ({"category": "drainage"}, CONSTRUCTION, {}),
        ({"category": "drainage", "ward": None}, CONSTRUCTION, {"ward": "unknown"}),
    ],
)
async def test_every_report_has_a_unit_and_keeps_the_reason(
    channels: Channels, changes: dict, unit: str, reason: dict
) -> None:
    answer = await channels.send("1022", "call-1", data(**changes))
    assert (answer.status_code, answer.json()["report"]["unit"]) == (201, unit)
    ((kept,),) = channels.rows("SELECT routing_reason FROM reports.report")
    assert {name: kept[name] for name in kept if name not in {"rule", "place"}} == reason


async def test_report_of_somebody_unknown_waits_for_the_owner_of_the_number(channels: Channels) -> None:
    code = (await channels.send("1022", "call-1")).json()["report"]["code"]
    digest = channels.digests.of(Phone.parse(PHONE))
    assert channels.rows("SELECT code, phone_digest FROM citizens.unclaimed") == [(code, digest)]
    assert channels.rows("SELECT issuer FROM citizens.citizen") == [("urn:ioc:unclaimed",)]
    everything = str(channels.rows("SELECT r::text FROM reports.report r")) + str(
        channels.rows("SELECT line FROM audit.event")
    )
    assert "912345678" not in everything.replace(" ", "")


def code_of(answer) -> str:  # type: ignore[no-untyped-def]
    """The refusal's code."""
    extensions = answer.json()["errors"][0]["extensions"]
    return f"{extensions['code']} {extensions.get('field', '')}".strip()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"body": "a\0b"}, "common.invalid_input body"),
        ({"body": "tắt \u202e đèn"}, "common.invalid_input body"),
        ({"body": "   "}, "common.invalid_input body"),
        ({"body": "x" * 4_001}, "common.invalid_input body"),
        ({"place": "p\x07"}, "common.invalid_input place"),
        ({"place": "p" * 301}, "common.invalid_input place"),
        ({"latitude": 105.85, "longitude": 21.02}, "common.invalid_input latitude"),
        ({"latitude": 10.77, "longitude": 106.7}, "common.invalid_input latitude"),
        ({"longitude": None}, "common.invalid_input longitude"),
        ({"phone": "12345"}, "common.invalid_input phone"),
        ({"phone": "024 3825 0000"}, "common.invalid_input phone"),
        ({"phone": "+1 650 253 0000"}, "common.invalid_input phone"),
        ({"ward": "\0"}, "common.invalid_input ward"),
        ({"category": "c" * 41}, "common.invalid_input category"),
        ({"body": 5}, "webhook.malformed"),
        ({"latitude": "21"}, "webhook.malformed"),
    ],
)
async def test_bad_value_is_refused_by_name_and_writes_nothing(
    channels: Channels, changes: dict, code: str
) -> None:
    answer = await channels.send("1022", "call-1", data(**changes))
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert nothing_was_written(channels)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"type": "report.created"}',
        b'{"type":"x","data":{"body":"a","latitude":NaN,"longitude":NaN}}',
        b'{"type":"x","data":{"body":"a","latitude":1e999,"longitude":0}}',
        b'{"type":"x","data":{"body":"\\ud800"}}',
        b"[" * 30_000,
    ],
)
async def test_rubbish_that_is_signed_is_refused(channels: Channels, raw: bytes) -> None:
    answer = await channels.send("1022", "call-1", raw=raw)
    assert answer.status_code == 400
    assert nothing_was_written(channels)


async def test_script_is_text(channels: Channels) -> None:
    text = "<script>alert(1)</script> '; DROP TABLE reports.report; --"
    await channels.send("1022", "call-1", data(body=text))
    assert channels.rows("SELECT body FROM reports.report") == [(text,)]


async def test_megabyte_is_refused_before_it_is_read(channels: Channels) -> None:
    answer = await channels.send("1022", "call-1", data(body="x" * 1_000_000))
    assert (answer.status_code, code_of(answer)) == (413, "webhook.too_large")
    assert nothing_was_written(channels)


async def test_other_signature_is_refused_as_an_unknown_channel_is(channels: Channels) -> None:
    wrong = await channels.send("1022", "call-1", secret=secrets.token_bytes(32))
    nobody = await channels.send("nobody", "call-1", secret=secrets.token_bytes(32))
    assert (wrong.status_code, code_of(wrong)) == (401, "webhook.signature")
    assert wrong.json()["errors"][0]["message"] == nobody.json()["errors"][0]["message"]
    assert nothing_was_written(channels)


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v2,AAAA v1a,BBBB"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1.5"},
        {"webhook-timestamp": "999999999999"},
        {"webhook-id": ""},
        {"webhook-id": "a.b"},
    ],
)
async def test_broken_headers_are_a_bad_signature(channels: Channels, headers: dict[str, str]) -> None:
    answer = await channels.send("1022", "call-1", headers=headers)
    assert (answer.status_code, code_of(answer)) == (401, "webhook.signature")


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=301)])
async def test_clock_that_is_off_is_refused_and_told(channels: Channels, off: timedelta) -> None:
    answer = await channels.send("1022", "call-1", at=NOON + off)
    assert (answer.status_code, code_of(answer)) == (401, "webhook.clock")
    assert nothing_was_written(channels)
    told = channels.rows(
        "SELECT line::jsonb ->> 'status_code', line::jsonb #>> '{unmapped,resource}' FROM audit.event"
    )
    assert told == [("webhook.clock", "channel:1022")]


async def test_clock_that_is_off_without_a_signature_tells_nobody(channels: Channels) -> None:
    wrong = secrets.token_bytes(32)
    answer = await channels.send("1022", "call-1", at=NOON + timedelta(hours=1), secret=wrong)
    assert code_of(answer) == "webhook.signature"
    assert channels.rows("SELECT count(*) FROM audit.event") == [(0,)]


async def test_clock_five_minutes_off_is_heard(channels: Channels) -> None:
    answer = await channels.send("1022", "call-1", at=NOON - timedelta(seconds=300))
    assert answer.status_code == 201


async def test_keys_rotated_in_the_middle_lose_nothing(channels: Channels) -> None:
    new = secrets.token_bytes(32)
    with channels.superuser() as connection:
        connection.execute(
            "UPDATE channels.key SET until_at = %s WHERE channel = '1022'", (NOON + timedelta(hours=24),)
        )
    channels.add_key("1022", new, from_at=NOON)
    both = await channels.send("1022", "call-1")
    assert both.status_code == 201
    assert (await channels.send("1022", "call-2", data(body="Khác"), secret=new)).status_code == 201
    channels.clock.advance(timedelta(hours=24))
    channels.entry.doors._known.clear()
    assert (await channels.send("1022", "call-3")).status_code == 401
    assert (await channels.send("1022", "call-3", data(body="Nữa"), secret=new)).status_code == 201


async def test_suspension_counts_at_once_whatever_is_remembered(channels: Channels) -> None:
    assert (await channels.send("1022", "call-1")).status_code == 201
    with channels.superuser() as connection:
        connection.execute("UPDATE channels.channel SET state = 'suspended' WHERE code = '1022'")
    answer = await channels.send("1022", "call-2", data(body="Khác"))
    assert (answer.status_code, code_of(answer)) == (403, "channels.suspended")
    assert channels.rows(REPORTS) == [(1,)]


async def test_flood_of_one_channel_leaves_the_others_alone(channels: Channels) -> None:
    channels.make("flood", rate=5)
    flood = [channels.send("flood", f"f-{n}", data(body=f"Rác {n}")) for n in range(60)]
    others = [channels.send("1022", f"call-{n}", data(body=f"Đèn {n}")) for n in range(6)]
    answers = await asyncio.gather(*flood, *others)
    assert [answer.status_code for answer in answers[60:]] == [201] * 6
    statuses = {answer.status_code for answer in answers[:60]}
    assert statuses <= {201, 429, 503}
    assert sum(answer.status_code == 201 for answer in answers[:60]) <= 5


async def test_flood_of_strangers_in_a_channels_name_takes_nothing_from_it(channels: Channels) -> None:
    channels.make("small", rate=2)
    wrong = secrets.token_bytes(32)
    for number in range(10):
        await channels.send("small", f"x-{number}", secret=wrong)
    assert (await channels.send("small", "real-1")).status_code == 201


async def test_rubbish_is_told_once_a_minute(channels: Channels) -> None:
    for number in range(5):
        await channels.send("1022", f"call-{number}", data(body="\0"))
    assert channels.rows("SELECT count(*) FROM audit.event") == [(1,)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/channels/1022/reports", 405),
        ("POST", "/channels/1022/else", 404),
        ("POST", "/channels", 404),
        ("POST", "/channelsx/1022/reports", 404),
        ("POST", "/channels/%00/reports", 401),
        ("POST", "/channels/" + "x" * 500 + "/reports", 401),
    ],
)
async def test_other_addresses(channels: Channels, method: str, path: str, status: int) -> None:
    assert (await channels.ask(method, path, b"{}")).status_code == status


async def test_message_of_another_kind_of_channel_is_refused(channels: Channels) -> None:
    secret = channels.make("zalo", "zalo", app_id="4321234567890")
    answer = await channels.send("zalo", "m-1", secret=secret)
    assert code_of(answer) == "webhook.signature"


async def test_text_and_place_stay_as_said(channels: Channels) -> None:
    await channels.send("1022", "call-1")
    assert channels.rows("SELECT place, body FROM reports.report") == [(PLACE, TEXT)]
