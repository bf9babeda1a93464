"""The whole system is brought back to a moment, and nothing that was taken away since comes back with it."""

import asyncio
import contextlib
import dataclasses
import json
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.client import Endpoints, IocClient, Person
from cli.login import LoginRefused
from recovery.repository import BackupProblem
from stack.backups import back_up, noted_backup, repository_of
from stack.embedded import EmbeddedStack, cluster_part
from stack.errors import StackError
from stack.keycloak import cache_folder
from stack.ports import Ports
from stack.postgres import PostgresCluster
from stack.realm_snapshot import RealmSnapshot
from stack.restores import Report, Restore
from stack.supervisor import Supervisor
from tests.backend.media.pictures import photo
from tests.conftest import _home
from tests.parts import WIDE, WIDE_EDGE, _shown
from tests.recovery.rig import content
from tests.scenarios.test_media import _report, _upload

pytestmark = pytest.mark.timeout(900)

_MINE = "{ myReports(first: 5) { edges { node { code } } } }"
_DUNG = "SELECT enabled FROM user_entity WHERE username = 'dung'"
# What a restore changes on purpose.
_SETTLED = (
    "audit.",
    "identity.session_end",
    "identity.blocked_key",
    "devices.session",
    "public.realm",
    "public.offline_",
    "public.credential",
    "public.user_entity",
    "public.user_attribute",
    "citizens.phone",
)


class World:
    """A system, what it was at a moment, and what became of it."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self.stack = stack
        self.wanted: dict[str, Any] = {}
        self.found: dict[str, Any] = {}
        self.code = self.lost_code = self.media = ""
        self.photo = b""
        self.report: Report | None = None
        self.refusals: list[str] = []

    @property
    def endpoints(self) -> Endpoints:
        """Where it listens."""
        services = self.stack.services
        return Endpoints(services.keycloak_url, services.api_url, self.stack.certificates.authority)

    def client(self, name: str) -> IocClient:
        """A person who signs in for real."""
        home = self.stack.home.folder
        return IocClient(home, Person.from_home(home, name), self.endpoints)

    def report_of(self) -> Report:
        """What the restore did."""
        assert self.report is not None
        return self.report

    def contents(self) -> dict[str, Any]:
        """Backend's and Keycloak's."""
        pairs = (("backend", self.stack.backend), ("keycloak", self.stack.keycloak_database))
        return {
            table: found
            for database, cluster in pairs
            for table, found in content(cluster, database).items()
            if not table.startswith(_SETTLED)
        }


def _execute(cluster: PostgresCluster, database: str, *statements: str) -> None:
    with cluster.connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextlib.contextmanager
def _clusters(stack: EmbeddedStack) -> Iterator[None]:
    """The databases alone: nobody else writes."""
    supervisor = Supervisor(stack.home, die_with_us=True)
    try:
        for cluster in stack.clusters:
            supervisor.start(cluster_part(cluster))
        yield
    finally:
        supervisor.stop()


def _restore(world: World, to: datetime | None, overwrite: bool, known: str | None = None) -> Report:
    home = world.stack.home
    repository = repository_of(home.repository, home.backup_key)
    return Restore(world.stack, repository, home.backup_key, to, overwrite, known).run()


async def _before(world: World) -> datetime:
    """A report with a photo, a backup; then quiet, a moment, and what nobody wants back."""
    async with world.client("lan") as lan:
        world.code = await _report(lan)
        world.media = (await _upload(lan, world.code, photo(), "image/jpeg")).json()["media"]["id"]
        world.photo = (await lan.raw("GET", f"/media/{world.media}")).content
    back_up(world.stack)
    for part in ("api", "worker", "relay", "directory", "edge_events", "keycloak"):
        for running in world.stack.supervisor.running():
            if running.name == part:
                running.identity.send(signal.SIGTERM)
                running.identity.wait(120)
    world.wanted = world.contents()
    await asyncio.sleep(0.1)
    moment = datetime.now(UTC)
    await asyncio.sleep(0.1)
    _execute(
        world.stack.backend,
        "backend",
        "INSERT INTO identity.blocked_key (iss, sub, jkt) VALUES ('i', 's', 'stolen')",
        "DELETE FROM notifications.inbox",
        "UPDATE reports.report SET body = 'overwritten by mistake'",
        "UPDATE citizens.phone p SET digest = decode(repeat('11', 32), 'hex') FROM citizens.citizen c"
        " WHERE c.id = p.citizen_id AND c.subject = (SELECT c.subject FROM citizens.citizen c"
        " JOIN citizens.phone p ON p.citizen_id = c.id WHERE NOT EXISTS (SELECT FROM reports.report r"
        " WHERE r.citizen_id = c.id) LIMIT 1)",
    )
    _execute(
        world.stack.keycloak_database,
        "keycloak",
        "UPDATE user_entity SET enabled = false WHERE username = 'dung'",
        "DELETE FROM credential c USING user_entity u WHERE u.id = c.user_id"
        " AND u.username = 'ha' AND c.type = 'otp'",
        "UPDATE user_attribute a SET value = '+84999000999' FROM user_entity u WHERE u.id = a.user_id"
        " AND u.username = 'hung' AND a.name = 'phone_verified'",
    )
    await asyncio.sleep(5)  # two rounds of the archive
    return moment


@pytest.fixture(scope="module")
async def world(pytestconfig: pytest.Config) -> AsyncIterator[World]:
    with _home("ioc-restored-") as home:
        stack = EmbeddedStack(
            home,
            Ports.unused(),
            _shown(pytestconfig),
            durable=False,
            die_with_us=True,
            snapshot=RealmSnapshot(cache_folder()),
            limits=WIDE,
            edge_limits=WIDE_EDGE,
            archive_seconds=1,
        )
        world = World(stack)
        try:
            stack.start()
            async with world.client("lan") as old:
                moment = await _before(world)
                with pytest.raises(StackError) as refused:
                    _restore(world, moment, False)
                world.refusals.append(refused.value.message)
                stack.stop()
                with pytest.raises(StackError) as refused:
                    _restore(world, moment, False)
                world.refusals.append(refused.value.message)
                with pytest.raises(StackError) as refused:
                    _restore(world, moment, True, "29991231T000000Z")
                world.refusals.append(refused.value.message)
                world.report = _restore(world, moment, True, noted_backup(home))
                world.stack = dataclasses.replace(stack, snapshot=None)  # its data is there
                with _clusters(world.stack):
                    world.found = world.contents()
                world.stack.start()
                with pytest.raises(LoginRefused):
                    await old.refresh()
            yield world
        finally:
            world.stack.stop()


async def test_running_and_filled_systems_are_not_overwritten(world: World) -> None:
    assert world.refusals[0].startswith("the system runs")
    assert world.refusals[1].startswith("there is data of the clusters")


async def test_repository_of_before_a_known_backup_is_refused(world: World) -> None:
    assert "this repository is an older one" in world.refusals[2]
    assert noted_backup(world.stack.home) == world.report_of().backup_id


async def test_number_that_was_left_after_the_moment_is_not_given_back(world: World) -> None:
    with world.stack.keycloak_database.connect("keycloak") as connection:
        noted = connection.execute(
            "SELECT u.username, a.name FROM user_attribute a JOIN user_entity u ON u.id = a.user_id"
            " WHERE u.username = 'hung' AND a.name LIKE 'phone%'"
        ).fetchall()
    assert noted == [("hung", "phone")]
    assert world.report_of().done["backend"]["numbers"] == 1


async def test_every_table_is_as_it_was_at_the_moment(world: World) -> None:
    assert world.found == world.wanted


async def test_citizen_signs_in_anew_and_finds_report_and_photo(world: World) -> None:
    async with world.client("lan") as lan:
        found = await lan.graphql(_MINE)
        picture = await lan.raw("GET", f"/media/{world.media}")
    assert [edge["node"]["code"] for edge in found["data"]["myReports"]["edges"]] == [world.code]
    assert picture.content == world.photo


async def test_session_of_before_stays_dead(world: World) -> None:
    """Its refresh token was refused when the system was back; here: the backend lets none of then in."""
    with world.stack.backend.connect("backend") as connection:
        rows = connection.execute(
            "SELECT count(DISTINCT iss) FROM identity.session_end WHERE cause = 'restore' AND sub IS NULL"
        ).fetchone()
    assert rows == (2,)


async def test_what_was_taken_away_after_the_moment_is_taken_away_again(world: World) -> None:
    with world.stack.backend.connect("backend") as connection:
        blocked = connection.execute("SELECT jkt FROM identity.blocked_key").fetchall()
    with world.stack.keycloak_database.connect("keycloak") as connection:
        dung = connection.execute(_DUNG.encode()).fetchone()
        ha = connection.execute(
            "SELECT type FROM credential c JOIN user_entity u ON u.id = c.user_id WHERE u.username = 'ha'"
        ).fetchall()
    assert (blocked, dung, ha) == ([("stolen",)], (False,), [("password",)])


async def test_log_goes_on_under_a_new_name_that_names_the_old_one(world: World) -> None:
    def opened() -> list[Any]:
        lines = world.stack.soc.file.read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if event["metadata"]["log_name"].endswith("/backend/2")]

    for _ in range(300):
        if opened():
            break
        await asyncio.sleep(0.3)
    first = opened()[0]
    assert first["metadata"]["sequence"] == 0
    assert first["unmapped"]["previous"]["origin"].endswith("/backend/1")


async def test_moment_that_was_given_up_is_refused(world: World) -> None:
    assert world.report is not None
    home = world.stack.home
    repository = repository_of(home.repository, home.backup_key)
    restored = repository.restores()[0]
    between = restored.to + (restored.at - restored.to) / 2
    with pytest.raises(BackupProblem, match="was given up by the restore"):
        repository.choose(between)
