"""Who holds a role of the database gives nobody power: each attack with the wall that stops it, and without.

The attacker runs SQL of his own as the api's role, with the settings of a real administrator, or as the
worker's or the directory's role. Without the wall every attack succeeds; that is tried here too.
"""

from dataclasses import dataclass

import psycopg
import pytest

from foundation.database.principal_settings import APPLY, settings_of
from foundation.identity.principal import OfficialPrincipal
from tests.backend.officials.rig import Rig
from tests.backend.world import HOAN_KIEM, connect


@dataclass(frozen=True)
class Attack:
    """`statement` as `who` in `role`. `walls`: what a superuser takes away for the second half."""

    name: str
    statement: str
    walls: tuple[str, ...]
    role: str = "backend_app"
    who: str = "yen"

    def __str__(self) -> str:
        return self.name


OWN = "(SELECT id FROM tenancy.official WHERE id = nullif(current_setting('ioc.subject', true), '')::uuid)"
WARD = f"(SELECT id FROM tenancy.unit WHERE code = '{HOAN_KIEM}')"
CITY = "(SELECT id FROM tenancy.unit WHERE code = 'C0001')"
COLLEAGUE = "(SELECT id FROM tenancy.official WHERE name = 'Trần Văn Minh')"
OTHER = "(SELECT id FROM tenancy.official WHERE name = 'Trần Anh Dũng')"
NEW = "INSERT INTO tenancy.official (id, code, issuer, name, name_key, search_text, unit_id, state, version"
CHANGE = (
    "INSERT INTO tenancy.official_change"
    " (id, official_id, version, at, actor_kind, actor_id, actor_name, kind)"
)
OPEN_OFFICIAL = "CREATE POLICY hole ON tenancy.official TO backend_app USING (true) WITH CHECK (true)"
OPEN_DUTY = "CREATE POLICY hole ON tenancy.duty TO backend_app USING (true) WITH CHECK (true)"

ATTACKS = (
    Attack(
        "gives himself a duty",
        f"INSERT INTO tenancy.duty VALUES (uuidv7(), {OWN}, {WARD}, 'handler', '2026-11-24', NULL)",
        (OPEN_DUTY,),
    ),
    Attack(
        "gives a colleague a duty above",
        f"INSERT INTO tenancy.duty VALUES (uuidv7(), {COLLEAGUE}, {CITY}, 'unit_admin', '2026-11-24', NULL)",
        (OPEN_DUTY,),
    ),
    Attack(
        "makes a duty of his own longer",
        f"UPDATE tenancy.duty SET until_day = '2099-12-31' WHERE official_id = {OWN} RETURNING 1",
        (OPEN_DUTY,),
    ),
    Attack(
        "rewrites which duty it is",
        f"UPDATE tenancy.duty SET kind = 'unit_admin' WHERE official_id = {COLLEAGUE} RETURNING 1",
        ("GRANT UPDATE (kind) ON tenancy.duty TO backend_app",),
    ),
    Attack(
        "deletes a duty, and with it that it was ever given",
        f"DELETE FROM tenancy.duty WHERE official_id = {COLLEAGUE} RETURNING 1",
        ("GRANT DELETE ON tenancy.duty TO backend_app", OPEN_DUTY),
    ),
    Attack(
        "changes his own account",
        f"UPDATE tenancy.official SET version = 99 WHERE id = {OWN} RETURNING 1",
        (OPEN_OFFICIAL,),
    ),
    Attack(
        "takes over an account by another subject",
        f"UPDATE tenancy.official SET subject = 'mine' WHERE id = {COLLEAGUE} RETURNING 1",
        ("GRANT UPDATE (subject) ON tenancy.official TO backend_app",),
    ),
    Attack(
        "moves a colleague out of reach",
        f"UPDATE tenancy.official SET unit_id = {CITY} WHERE id = {COLLEAGUE} RETURNING 1",
        (OPEN_OFFICIAL,),
    ),
    Attack(
        "makes somebody at the city",
        f"{NEW}) VALUES (uuidv7(), '0000000000000001', 'x', 'X', 'x', 'x', {CITY}, 'invited', 1) RETURNING 1",
        (OPEN_OFFICIAL,),
    ),
    Attack(
        "makes somebody with an account of his choice",
        f"{NEW}, subject) VALUES (uuidv7(), '0000000000000001', 'x', 'X', 'x', 'x', {WARD}, 'active', 1, 's')"
        " RETURNING 1",
        ("GRANT INSERT (subject) ON tenancy.official TO backend_app", OPEN_OFFICIAL),
    ),
    Attack(
        "writes history in another's name",
        f"{CHANGE} VALUES (uuidv7(), {COLLEAGUE}, 2, now(), 'official', {COLLEAGUE}, 'Văn Minh', 'ended')"
        " RETURNING 1",
        ("CREATE POLICY hole ON tenancy.official_change TO backend_app WITH CHECK (true)",),
    ),
    Attack(
        "writes history in the worker's name",
        f"{CHANGE} VALUES (uuidv7(), {COLLEAGUE}, 2, now(), 'system', NULL, 'officials_idle', 'suspended')"
        " RETURNING 1",
        ("CREATE POLICY hole ON tenancy.official_change TO backend_app WITH CHECK (true)",),
    ),
    Attack(
        "rewrites history",
        "UPDATE tenancy.official_change SET note = 'never happened' RETURNING 1",
        (
            "GRANT UPDATE ON tenancy.official_change TO backend_app",
            "CREATE POLICY hole ON tenancy.official_change TO backend_app USING (true)",
        ),
    ),
    Attack(
        "forgets history",
        "DELETE FROM tenancy.official_change RETURNING 1",
        (
            "GRANT DELETE ON tenancy.official_change TO backend_app",
            "CREATE POLICY hole ON tenancy.official_change TO backend_app USING (true)",
        ),
    ),
    Attack(
        "reads another unit's people",
        "SELECT 1 FROM tenancy.official WHERE name = 'Trần Anh Dũng'",
        (OPEN_OFFICIAL,),
    ),
    Attack(
        "confirms his own request for a reset",
        "UPDATE tenancy.reset_request SET state = 'confirmed', confirmed_by = asked_by, body = NULL,"
        " token = NULL, proof = NULL RETURNING 1",
        ("ALTER TABLE tenancy.reset_request DROP CONSTRAINT reset_request_two",),
    ),
    Attack(
        "reviews himself",
        f"UPDATE tenancy.review SET decision = 'keep', reviewer_id = {OWN}, decided_at = now()"
        f" WHERE official_id = {OWN} RETURNING 1",
        (
            "ALTER TABLE tenancy.review DROP CONSTRAINT review_not_oneself",
            "CREATE POLICY hole ON tenancy.review TO backend_app USING (true) WITH CHECK (true)",
        ),
    ),
    Attack(
        "the worker reinstates somebody",
        "UPDATE tenancy.official SET state = 'active' WHERE state = 'suspended' RETURNING 1",
        ("CREATE POLICY hole ON tenancy.official TO backend_worker USING (true) WITH CHECK (true)",),
        role="backend_worker",
    ),
    Attack(
        "the worker gives a duty",
        f"INSERT INTO tenancy.duty VALUES (uuidv7(), {OTHER}, {CITY}, 'unit_admin', '2026-11-24', NULL)"
        " RETURNING 1",
        (
            "GRANT INSERT ON tenancy.duty TO backend_worker",
            "CREATE POLICY hole ON tenancy.duty TO backend_worker USING (true) WITH CHECK (true)",
        ),
        role="backend_worker",
    ),
    Attack(
        "the directory reads who works where",
        "SELECT 1 FROM tenancy.official",
        (
            "GRANT SELECT ON tenancy.official TO backend_directory",
            "CREATE POLICY hole ON tenancy.official TO backend_directory USING (true)",
        ),
        role="backend_directory",
    ),
    Attack(
        "the api says which account an official has",
        "SELECT tenancy.official_created((SELECT code FROM tenancy.official WHERE subject IS NULL),"
        " (SELECT issuer FROM tenancy.official WHERE subject IS NULL), 'mine')",
        ("GRANT EXECUTE ON FUNCTION tenancy.official_created TO backend_app",),
    ),
)


async def furnish(rig: Rig) -> OfficialPrincipal:
    """Yến of the ward; somebody invited, somebody suspended, a history, an open reset and reviews."""
    await rig.invited()
    yen = await rig.world.official("yen")
    rig.do("UPDATE tenancy.official SET created_on = '2026-09-01' WHERE subject IS NOT NULL")
    rig.do("UPDATE tenancy.official SET state = 'suspended' WHERE name = 'Trần Thị Thảo'")
    await rig.upkeep.make_reviews()
    rig.do(
        "INSERT INTO tenancy.reset_request SELECT uuidv7(), '0000000000000009', m.id, 'open', y.id, y.name,"
        " now(), now() + interval '30 minutes', 'x', 'sha-256=:' || repeat('A', 43) || '=:', 'b', 't', 'p'"
        " FROM tenancy.official m, tenancy.official y WHERE m.name = 'Trần Văn Minh' AND y.id = %s",
        yen.official_id,
    )
    return yen


def outcome(rig: Rig, principal: OfficialPrincipal, attack: Attack) -> str:
    """ "done", or why not."""
    statement = APPLY
    for number in ("$1", "$2", "$3", "$4"):
        statement = statement.replace(number, "%s")
    with connect(rig.database.settings(attack.role)) as connection, connection.transaction() as transaction:
        connection.execute(statement.encode(), settings_of(principal))
        try:
            rows = connection.execute(attack.statement.encode())
        except psycopg.Error as error:
            return str(error.sqlstate)
        finally:
            transaction.force_rollback = True
        return "done" if rows.rowcount else "nothing"


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_wall_stops_the_attack(rig: Rig, attack: Attack) -> None:
    principal = await furnish(rig)
    assert outcome(rig, principal, attack) != "done"


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_attack_succeeds_without_its_wall(rig: Rig, attack: Attack) -> None:
    principal = await furnish(rig)
    for wall in attack.walls:
        rig.do(wall)
    assert outcome(rig, principal, attack) == "done"


async def test_suspended_official_does_not_wake_himself(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    rig.do("UPDATE tenancy.official SET state = 'suspended' WHERE id = %s", minh.official_id)
    await rig.first_use(minh)
    assert rig.look("SELECT state FROM tenancy.official WHERE id = %s", minh.official_id) == [("suspended",)]
