"""Resets of credentials at Keycloak: which events are one, who is kept out, and refusing while blind."""

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from foundation.database.connections import for_psycopg
from foundation.database.database import Database as Pools
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.keycloak_events import Event
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from tests.parts import Database
from tests.vault.parts import NOW, Device
from tests.vault.rig import Clock, Rig
from vault.call.operations import Answer, Asked, Operation, none
from vault.credentials import queries
from vault.credentials.errors import AccessSuspended, VaultBlind
from vault.credentials.resets import reset_of_admin_event, reset_of_user_event
from vault.credentials.watch import KEPT, OVERLAP, CredentialWatch, EventsLost
from vault.keyring.types import Class

SECOND = timedelta(seconds=1)
TRIAL = AuditEvent("vault.trial")
MILLISECONDS = int(NOW.timestamp() * 1000)


class Events:
    """Keycloak's, as its administration interface answers; or it is away."""

    def __init__(self) -> None:
        self.user: list[Event] = []
        self.admin: list[Event] = []
        self.away = False
        self.refused = 0
        self._names = (str(UUID(int=number)) for number in itertools.count(1))

    async def user_events(self, since: int, until: int) -> list[Event]:
        """As foundation.identity.keycloak_events.EventSource."""
        return self._answer(self.user, since, until)

    async def admin_events(self, since: int, until: int) -> list[Event]:
        """As foundation.identity.keycloak_events.EventSource."""
        return self._answer(self.admin, since, until)

    def reset(self, sub: str, *, after: timedelta = timedelta()) -> None:
        """An administrator resets this person's password."""
        self.admin.append(_admin(f"users/{sub}/reset-password", "ACTION", id=next(self._names), after=after))

    def _answer(self, events: list[Event], since: int, until: int) -> list[Event]:
        if self.away:
            self.refused += 1
            raise httpx.ConnectError("away")
        return [event for event in events if since <= event["time"] <= until]


class Watched:
    """A watch on a real database, and a door that asks it."""

    def __init__(self, vault: Database) -> None:
        self.clock, self.events, self.passed = Clock(), Events(), 0.0
        recorder = AuditRecorder(
            service="ioc-vault",
            clock=self.clock,
            new_id=new_uuid,
            random_bytes=secrets.token_bytes,
            refusals=RefusalCounter(),
        )
        self.database = Pools(vault.settings("vault_app"), recorder)
        self.watch = self.restarted()
        self.rig = Rig.of(
            vault,
            {
                "trial": Operation(TRIAL, none, self._trial),
                "enrol": Operation(TRIAL, none, self._trial, for_suspended=True),
                "trial_restricted": Operation(TRIAL, none, self._restricted),
            },
        )
        self.rig.door = replace(self.rig.door, admit=self.watch.admit)

    def restarted(self) -> CredentialWatch:
        """A process that has just started."""
        return CredentialWatch(self.events, self.database, self.clock, new_uuid, lambda: self.passed)

    def move(self, moment: timedelta) -> None:
        """Time passes."""
        self.clock.at += moment
        self.passed += moment.total_seconds()
        self.rig.clock.at = self.clock.at

    async def suspended(self, sub: str) -> bool:
        """As whoever opens records asks."""
        async with self.database.unscoped() as connection:
            return await self.watch.suspended(connection, sub)

    async def _trial(self, asked: Asked, work: UnitOfWork) -> Answer:
        await work.record(TRIAL)

        async def said() -> dict[str, Any]:
            return {"done": True}

        return said

    async def _restricted(self, asked: Asked, work: UnitOfWork) -> Answer:
        await asked.lives()
        return await self._trial(asked, work)


def _admin(
    path: str, operation: str = "ACTION", *, id: str = "e1", after: timedelta = timedelta(), **more: Any
) -> Event:
    time = MILLISECONDS + after // timedelta(milliseconds=1)
    return {"id": id, "time": time, "operationType": operation, "resourcePath": path, **more}


def _user(kind: str, **more: Any) -> Event:
    return {"id": "e1", "time": MILLISECONDS, "type": kind, "userId": "minh", **more}


@pytest.fixture
async def watched(vault_database: Database) -> AsyncIterator[Watched]:
    """A watch that has read once."""
    watched = Watched(vault_database)
    await watched.rig.database.open()
    await watched.watch.step()
    yield watched
    await watched.rig.database.close()
    await watched.database.close()


@pytest.mark.parametrize(
    "event",
    [
        _admin("users/minh/reset-password"),
        _admin("users/minh/reset-password", "UPDATE"),
        _admin("users/minh/credentials/c1", "DELETE"),
        _admin("users/minh/disable-credential-types"),
        _admin("users/minh/execute-actions-email"),
        _admin("users/minh/impersonation"),
        _admin("users/minh", "UPDATE"),
        _admin("users/minh", "UPDATE", representation=json.dumps({"enabled": True})),
    ],
)
def test_administrators_reset_is_told(event: Event) -> None:
    reset = reset_of_admin_event(event)
    assert reset is not None
    assert (reset.event_id, reset.sub, reset.at) == ("e1", "minh", NOW)


@pytest.mark.parametrize(
    "event",
    [
        _admin("users/minh/reset-password", error="not allowed"),
        _admin("users/minh/logout"),
        _admin("users/minh", "CREATE"),
        _admin("organizations/o/members/minh", "DELETE"),
        _admin("clients/minh", "UPDATE"),
    ],
)
def test_what_resets_nothing_is_passed_over(event: Event) -> None:
    assert reset_of_admin_event(event) is None


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (_user("RESET_PASSWORD"), True),
        (_user("REMOVE_TOTP"), True),
        (_user("UPDATE_CREDENTIAL", details={"credential_type": "webauthn"}), True),
        (_user("UPDATE_CREDENTIAL"), True),
        (_user("UPDATE_CREDENTIAL", details={"credential_type": "password"}), False),
        (_user("UPDATE_PASSWORD"), False),
        (_user("LOGIN"), False),
    ],
)
def test_persons_own_events(event: Event, told: bool) -> None:
    assert (reset_of_user_event(event) is not None) is told


async def test_reset_keeps_this_person_out_and_no_other(watched: Watched) -> None:
    minh, thao = watched.rig.device("minh"), watched.rig.device("thao")
    watched.events.reset("minh")
    assert await watched.watch.step() == 1
    assert await watched.rig.ask(minh, "j1", "trial") == {"problem": {"code": "vault.access_suspended"}}
    assert await watched.rig.ask(thao, "j2", "trial") == {"result": {"done": True}}
    assert (await watched.suspended("minh"), await watched.suspended("thao")) == (True, False)


async def test_who_was_reset_may_enrol(watched: Watched) -> None:
    minh = watched.rig.device("minh")
    watched.events.reset("minh")
    await watched.watch.step()
    assert await watched.rig.ask(minh, "j1", "enrol") == {"result": {"done": True}}
    assert "result" in await watched.rig.hello(minh, "j2")


async def test_enrolment_lifts_it_and_the_same_event_does_not_come_back(watched: Watched) -> None:
    watched.events.reset("minh")
    await watched.watch.step()
    async with watched.database.unscoped() as connection:
        await queries.lift(connection, "minh", datetime(9999, 1, 1, tzinfo=UTC))
    await watched.restarted().step()
    assert not await watched.suspended("minh")
    watched.events.reset("minh")
    await watched.watch.step()
    assert await watched.suspended("minh")


async def test_reset_is_an_event_of_the_log_that_names_nobody(watched: Watched) -> None:
    watched.events.reset("minh")
    await watched.watch.step()
    await watched.watch.step()
    (line,) = watched.rig.events()
    assert (line["unmapped"]["action"], line["unmapped"]["resource"]) == (
        "vault.credentials.suspend",
        f"event:{UUID(int=1)}",
    )
    assert "minh" not in str(line)


async def test_reset_while_the_vault_was_stopped_is_found_at_its_start(watched: Watched) -> None:
    watched.events.reset("minh", after=10 * SECOND)
    watched.move(timedelta(days=30))
    again = watched.restarted()
    assert await again.step() == 1
    assert await watched.suspended("minh")


async def test_event_that_becomes_visible_late_is_found(watched: Watched) -> None:
    watched.move(timedelta(minutes=10))
    await watched.watch.step()
    watched.events.reset("minh", after=timedelta(minutes=10) - OVERLAP + SECOND)
    assert await watched.watch.step() == 1


async def test_longer_gap_than_keycloak_keeps_events_stays_blind(watched: Watched) -> None:
    watched.move(KEPT + timedelta(days=1))
    again = watched.restarted()
    with pytest.raises(EventsLost):
        await again.step()
    with pytest.raises(VaultBlind):
        again.check(Class.INTERNAL, watched.clock.at)


async def test_cursor_does_not_move_past_what_could_not_be_noted(watched: Watched) -> None:
    watched.events.reset("minh", after=SECOND)
    watched.move(timedelta(minutes=10))
    with watched.rig.vault.cluster.connect(watched.rig.vault.name) as superuser:
        superuser.execute("REVOKE INSERT ON audit.event FROM vault_app")
        superuser.execute("REVOKE INSERT (id, line) ON audit.event FROM vault_app")
        with pytest.raises(Exception, match="permission denied"):
            await watched.watch.step()
        superuser.execute("GRANT INSERT (id, line) ON audit.event TO vault_app")
    assert not await watched.suspended("minh")
    assert await watched.watch.step() == 1


@pytest.mark.parametrize(
    ("class_", "seconds"),
    [(Class.INTERNAL, 60), (Class.PERSONAL, 60), (Class.PARTY, 10), (Class.RESTRICTED, 10)],
)
async def test_class_is_refused_when_nothing_was_read_for_its_time(
    watched: Watched, class_: Class, seconds: int
) -> None:
    watched.events.away = True
    watched.move(seconds * SECOND)
    with pytest.raises(httpx.ConnectError):
        await watched.watch.step()
    watched.watch.check(class_, watched.clock.at)
    watched.move(timedelta(milliseconds=1))
    with pytest.raises(VaultBlind):
        watched.watch.check(class_, watched.clock.at)
    watched.events.away = False
    await watched.watch.step()
    watched.watch.check(class_, watched.clock.at)


async def test_clock_that_is_set_back_makes_nothing_fresh(watched: Watched) -> None:
    watched.move(11 * SECOND)
    with pytest.raises(VaultBlind):
        watched.watch.check(Class.PARTY, watched.clock.at - timedelta(hours=1))


async def test_nothing_is_let_in_before_the_first_reading(watched: Watched) -> None:
    with pytest.raises(VaultBlind):
        watched.restarted().check(Class.INTERNAL, watched.clock.at)


async def test_blind_vault_answers_every_operation_with_that_but_for_enrolling(watched: Watched) -> None:
    minh = watched.rig.device("minh")
    watched.move(61 * SECOND)
    assert await watched.rig.ask(minh, "j1", "trial") == {"problem": {"code": "vault.blind"}}
    assert await watched.rig.ask(minh, "j2", "enrol") == {"result": {"done": True}}


async def test_one_kind_of_events_that_can_not_be_read_is_no_reading(watched: Watched) -> None:
    async def refused(since: int, until: int) -> list[Event]:
        raise httpx.ConnectError("away")

    watched.events.admin_events = refused  # type: ignore[method-assign]  # one of two is away
    watched.move(11 * SECOND)
    with pytest.raises(httpx.ConnectError):
        await watched.watch.step()
    with pytest.raises(VaultBlind):
        watched.watch.check(Class.PARTY, watched.clock.at)


async def test_following_goes_on_after_faults(watched: Watched) -> None:
    watched.events.away = True
    following = asyncio.create_task(watched.watch.follow(0.01))
    async with asyncio.timeout(60):
        while watched.events.refused < 2:  # noqa: ASYNC110 - the double has no event
            await asyncio.sleep(0.01)
    watched.events.away = False
    watched.events.reset("minh")
    async with asyncio.timeout(60):
        while not await watched.suspended("minh"):  # noqa: ASYNC110 - a row is waited for
            await asyncio.sleep(0.02)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_suspended_person_is_refused_by_the_watch_itself(watched: Watched) -> None:
    watched.events.reset("minh")
    await watched.watch.step()
    async with watched.database.unscoped() as connection:
        with pytest.raises(AccessSuspended):
            await watched.watch.admit(connection, "minh", watched.clock.at)
        await watched.watch.admit(connection, "thao", watched.clock.at)


async def test_restricted_operation_asks_keycloak_anew(watched: Watched) -> None:
    minh: Device = watched.rig.device("minh")
    assert await watched.rig.ask(minh, "j1", "trial") == {"result": {"done": True}}
    assert watched.rig.keycloak.asked_anew == 0
    assert await watched.rig.ask(minh, "j2", "trial_restricted") == {"result": {"done": True}}
    assert watched.rig.keycloak.asked_anew == 1


@pytest.mark.parametrize(
    ("fault", "code"), [("ended", "vault.unauthenticated"), ("away", "vault.unavailable")]
)
async def test_restricted_operation_is_refused_on_keycloaks_newest_word(
    watched: Watched, fault: str, code: str
) -> None:
    minh = watched.rig.device("minh")
    watched.rig.keycloak.anew = fault
    assert await watched.rig.ask(minh, "j1", "trial_restricted") == {"problem": {"code": code}}
    assert watched.rig.events()[-1]["unmapped"]["decision"] == "deny"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM credentials.suspension",
        "UPDATE credentials.suspension SET sub = 'x'",
        "DELETE FROM credentials.event_cursor",
    ],
)
async def test_vault_can_not(watched: Watched, statement: str) -> None:
    settings = for_psycopg(watched.rig.vault.settings("vault_app"))
    with psycopg.connect(**settings) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())
