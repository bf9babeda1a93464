"""Messages that nobody would write, signed all the same: no fault of ours, nothing half-written."""

import json
import random
from typing import Any

from tests.backend.channels.rig import Channels, data

SEED, EACH = 34, 250
ODD = [
    "",
    "\0",
    "\u202e",
    "\ud800",
    "𝕏" * 50,
    "x" * 5_000,
    "<script>",
    "'; --",
    "${jndi:x}",
    "NaN",
    "é\u0301" * 20,
]
HALVES = """
SELECT (SELECT count(*) FROM channels.inbound WHERE NOT linked), (SELECT count(*) FROM reports.report),
  (SELECT count(*) FROM reports.timeline), (SELECT count(*) FROM changes.change),
  (SELECT count(*) FROM reports.report_search), (SELECT count(*) FROM jobs.procrastinate_jobs),
  (SELECT count(*) FROM audit.event WHERE line::jsonb #>> '{unmapped,action}' = 'report.submit'
    AND line::jsonb #>> '{unmapped,decision}' = 'allow')
"""


def odd_value(dice: random.Random) -> Any:
    """Something of any type."""
    return dice.choice(
        [
            *ODD,
            None,
            True,
            -1,
            10**30,
            1e308,
            21.02,
            105.85,
            [],
            {},
            [[]],
            {"a": "b"},
            "00070",
            "road",
            "0912345678",
        ]
    )


def odd_body(dice: random.Random) -> bytes:
    """A valid body with some of it changed: members, or octets."""
    said = data(body=f"Đèn tắt {dice.random()}")
    for name in dice.sample(sorted(said), dice.randint(0, 3)):
        said[name] = odd_value(dice)
    said |= {str(odd_value(dice)): odd_value(dice) for _ in range(dice.randint(0, 2))}
    octets = bytearray(json.dumps({"type": dice.choice(["report.created", "", "x"]), "data": said}).encode())
    for _ in range(dice.choice([0, 0, 1, 5])):
        octets[dice.randrange(len(octets))] = dice.randrange(256)
    return bytes(octets[: dice.choice([len(octets)] * 4 + [dice.randrange(len(octets))])])


async def test_odd_messages_are_answered_and_leave_no_halves(channels: Channels) -> None:
    dice = random.Random(SEED)
    statuses = []
    for number in range(EACH):
        headers = {} if dice.random() < 0.8 else {dice.choice(["webhook-id", "webhook-timestamp"]): "\x7f"}
        answer = await channels.send("1022", f"odd-{number}", raw=odd_body(dice), headers=headers)
        statuses.append(answer.status_code)
    assert max(statuses) < 500
    # Some were good, some were not: else this says nothing.
    assert {201, 400, 401} <= set(statuses)
    (counts,) = channels.rows(HALVES)
    assert set(counts) == {statuses.count(201)}
