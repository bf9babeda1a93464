"""Who attacks, what there is to see, and how an attack's outcome is compared."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from foundation.database.connections import for_psycopg
from foundation.database.principal_settings import APPLY, settings_of
from foundation.identity.principal import Principal
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, SOC_SON, World, compose, key
from tests.conftest import Database

HIDDEN_PLACE = "Ngõ kín thôn Đông"
NOBODY = ("", "", "", "")


@dataclass(frozen=True)
class Refused:
    """A statement that failed, with what an attacker learns of it."""

    sqlstate: str
    detail: str | None = None


@dataclass(frozen=True)
class Rows:
    """What a statement returned."""

    rows: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True)
class Changed:
    """How many rows a statement changed."""

    count: int


Outcome = Refused | Rows | Changed
DENIED = Refused("42501")


@dataclass(frozen=True)
class Scene:
    """The database, and names for what is in it: `facts` are the parameters of the attacks."""

    database: Database
    facts: Mapping[str, Any]

    def settings_of(self, who: str) -> tuple[str, str, str, str]:
        """What the services set for `who`: "minh" (Hoàn Kiếm), "lan" (a citizen), "nobody"."""
        settings: tuple[str, str, str, str] = self.facts["settings"][who]
        return settings

    @contextmanager
    def as_role(self, role: str, who: str = "nobody") -> Iterator[psycopg.Connection]:
        """A transaction of a runtime role that signed in itself; rolled back."""
        settings = self.database.settings(role)
        with psycopg.connect(**for_psycopg(settings)) as connection:
            _apply(connection, self.settings_of(who))
            yield connection
            connection.rollback()

    @contextmanager
    def without(self, guards: Sequence[str], role: str, who: str = "nobody") -> Iterator[psycopg.Connection]:
        """A transaction in which a superuser removes guards and then becomes the role; rolled back."""
        with self.database.cluster.connect(self.database.name) as connection:
            connection.autocommit = False
            for guard in guards:
                connection.execute(guard.encode())
            connection.execute(f"SET LOCAL ROLE {role}".encode())
            _apply(connection, self.settings_of(who))
            yield connection
            connection.rollback()

    def outcome(self, connection: psycopg.Connection, statement: str) -> Outcome:
        """Run one statement with the facts as parameters."""
        try:
            cursor = connection.execute(statement.encode(), self.facts)
        except psycopg.Error as error:
            return Refused(error.sqlstate or "lost", error.diag.message_detail)
        if cursor.description is not None:
            return Rows(tuple(cursor.fetchall()))
        return Changed(cursor.rowcount)


def _apply(connection: psycopg.Connection, settings: tuple[str, str, str, str]) -> None:
    statement = APPLY
    for number in ("$1", "$2", "$3", "$4"):
        statement = statement.replace(number, "%s")
    connection.execute(statement.encode(), settings)


async def furnish(database: Database) -> dict[str, Any]:
    """Three reports through the services, and what attackers would like to know or guess."""
    world = compose(database.settings("backend_app"), database.settings("backend_worker"))
    await world.database.open()
    await world.worker_database.open()
    try:
        return await _furnish(world, database)
    finally:
        await world.database.close()
        await world.worker_database.close()


async def _furnish(world: World, database: Database) -> dict[str, Any]:
    lan, hung = await world.citizen("lan"), await world.citizen("hung")
    officials = {name: await world.official(name) for name in ("minh", "thao", "dung", "quang")}
    own = await world.submitted(lan, HOAN_KIEM)
    hidden = await world.submitted(hung, SOC_SON)
    gone = await world.submitted(lan, HOAN_KIEM)
    await world.reports.forward(officials["minh"], gone.code, 1, CONSTRUCTION, "Thuộc Sở", key())
    await world.reports.accept(officials["dung"], hidden.code, 1, key())
    people: dict[str, Principal] = {"lan": lan, "hung": hung, **officials}
    with database.cluster.connect(database.name) as superuser:
        superuser.execute("UPDATE reports.report SET place = %s WHERE code = %s", (HIDDEN_PLACE, hidden.code))
        change = superuser.execute(
            "SELECT id FROM changes.change ORDER BY x DESC, id DESC LIMIT 1"
        ).fetchone()
        assert change is not None
        superuser.execute(
            "INSERT INTO notifications.inbox (id, recipient, change_id, kind, resource, version, at)"
            " VALUES (gen_random_uuid(), %s, %s, 'report.accepted', %s, 2, now())",
            (hung.citizen_id, change[0], f"report:{hidden.code}"),
        )
        superuser.execute("ANALYZE")
        ids = dict(superuser.execute("SELECT code, id FROM reports.report").fetchall())
        units = dict(superuser.execute("SELECT code, id FROM tenancy.unit").fetchall())
        part = superuser.execute(
            "SELECT tableoid::regclass::text FROM reports.timeline WHERE report_id = %s", (ids[hidden.code],)
        ).fetchone()
    assert part is not None
    return {
        "settings": {"nobody": NOBODY, **{name: settings_of(person) for name, person in people.items()}},
        "own_code": own.code,
        "own_id": ids[own.code],
        "hidden_code": hidden.code,
        "hidden_id": ids[hidden.code],
        "gone_code": gone.code,
        "absent_code": "0" * 16,
        "absent_id": "00000000-0000-7000-8000-000000000000",
        "lan": lan.citizen_id,
        "hung": hung.citizen_id,
        "minh": officials["minh"].official_id,
        "thao": officials["thao"].official_id,
        "unit": units[HOAN_KIEM],
        "hidden_unit": units[SOC_SON],
        "party_unit": units["P0002"],
        "absent_unit": 999_999,
        "partition": part[0],
        "reason": Jsonb({"rule": "x"}),
    }
