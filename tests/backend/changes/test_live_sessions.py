"""Whom an end means: here, where connections are closed, and at the door, where requests are refused."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from backend.changes.errors import SessionOver, TokenOver
from backend.changes.hub import _class_of
from backend.changes.sessions import Ended, LiveSessions
from foundation.database.connections import for_asyncpg
from foundation.identity.principal import Duty, OfficialPrincipal, Origin, VerifiedSession
from tests.backend.world import CITIZENS, NOON, OFFICIALS, session
from tests.conftest import Database

BEGUN = NOON - timedelta(minutes=5)
ME = replace(session(CITIZENS, "lan"), sid="s1", jkt="k" * 43)
AT = BEGUN.timestamp()
ENDS = [
    (Ended(CITIZENS, "s1", "lan", AT), True),
    (Ended(CITIZENS, "s1", None, AT), True),
    (Ended(CITIZENS, "s2", "lan", AT), False),
    (Ended(OFFICIALS, "s1", "lan", AT), False),
    (Ended(CITIZENS, None, "lan", AT), True),
    (Ended(CITIZENS, None, "lan", AT + 60), True),
    (Ended(CITIZENS, None, "lan", AT - 1), False),
    (Ended(CITIZENS, None, "hung", AT), False),
    (Ended(CITIZENS, None, None, AT), True),
    (Ended(CITIZENS, None, None, AT - 1), False),
    (Ended(OFFICIALS, None, None, AT), False),
    (Ended(CITIZENS, None, "lan", AT, except_sid="s1"), False),
    (Ended(CITIZENS, None, "lan", AT, except_sid="s2"), True),
    (Ended(CITIZENS, None, "lan", AT, jkt="k" * 43), True),
    (Ended(CITIZENS, None, "lan", AT, jkt="x" * 43), False),
]


@pytest.mark.parametrize(("ended", "meant"), ENDS)
def test_end_closes_whom_it_means(ended: Ended, meant: bool) -> None:
    closed: list[VerifiedSession] = []
    live = LiveSessions()
    with live.connected(ME, lambda _: closed.append(ME)):
        live.end([ended])
    assert closed == [ME] * meant


async def test_the_door_means_the_same(database: Database) -> None:
    superuser = await asyncpg.connect(**for_asyncpg(database.settings(database.superuser)))
    app = await asyncpg.connect(**for_asyncpg(database.settings("backend_app")))
    answers = []
    try:
        await superuser.execute("INSERT INTO identity.proof_epoch (since) VALUES ('-infinity')")
        for number, (ended, _) in enumerate(ENDS):
            await superuser.execute("DELETE FROM identity.session_end")
            await superuser.execute(
                "INSERT INTO identity.session_end (event_id, iss, sid, sub, ended_at, cause, except_sid, jkt)"
                " VALUES ($1, $2, $3, $4, to_timestamp($5), 'x', $6, $7)",
                str(number),
                ended.iss,
                ended.sid,
                ended.sub,
                ended.at,
                ended.except_sid,
                ended.jkt,
            )
            answers.append(
                await app.fetchval(
                    "SELECT identity.admit($1, $2, $3, $4, $5, $6, $7)",
                    ME.iss,
                    ME.sub,
                    ME.sid,
                    BEGUN,
                    ME.jkt,
                    f"proof {number}",
                    NOON,
                )
            )
    finally:
        await app.close()
        await superuser.close()
    assert [answer == "ended" for answer in answers] == [meant for _, meant in ENDS]


def test_nothing_is_kept_of_who_left() -> None:
    live = LiveSessions()
    with live.connected(ME, lambda _: None), live.connected(ME, lambda _: None):
        during = len(live)
    assert (during, len(live)) == (2, 0)


def test_those_whose_token_ran_out_are_closed() -> None:
    closed: list[tuple[str, type[SessionOver]]] = []
    live = LiveSessions()
    later = replace(ME, sid="s2", expires_at=ME.expires_at + timedelta(minutes=5))
    with (
        live.connected(ME, lambda why: closed.append(("s1", why))),
        live.connected(later, lambda why: closed.append(("s2", why))),
    ):
        live.expire(ME.expires_at)
    assert closed == [("s1", TokenOver)]


def test_officials_of_different_kinds_of_networks_are_decided_apart() -> None:
    """What a decision may depend on makes a class: policies know the kind of network."""
    there = OfficialPrincipal(
        origin=Origin("r", "203.0.113.0", network_kind="city"),
        session=session(OFFICIALS, "minh", "00070"),
        official_id=UUID(int=1),
        unit_id=7,
        unit_code="00070",
        duties=(Duty("handler", 7, "00070"),),
        units=frozenset({7}),
        city_level=False,
    )
    elsewhere = replace(there, origin=replace(there.origin, network_kind="internet"))
    assert _class_of(there) != _class_of(elsewhere)
