"""The schema `records`: what the vault's role can't do, and what the functions' owner is not shown."""

import psycopg
import pytest

from foundation.database.connections import for_psycopg
from tests.vault.records.office import CONSTRUCTION, HOAN_KIEM, Office

OPENED = "SELECT count(*) FROM records.opened(%s, %s, %s, %s, authority.epoch())"


def _app(office: Office) -> psycopg.Connection:
    settings = for_psycopg(office.rig.vault.settings("vault_app"))
    return psycopg.connect(**settings, autocommit=True)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM records.record",
        "SELECT * FROM records.version",
        "SELECT * FROM records.result",
        "UPDATE records.record SET tenant = 'D0001'",
        "DELETE FROM records.version",
        "UPDATE records.class SET keep = interval '1 day'",
        "INSERT INTO records.result (sub, jkt, id, at) VALUES ('x', repeat('a', 43), '\\x00', now())",
    ],
)
async def test_vault_can_not(office: Office, statement: str) -> None:
    with _app(office) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


async def test_nothing_is_opened_beside_what_was_decided_on(office: Office) -> None:
    record = await office.kept(office.keeper())
    good = (record, HOAN_KIEM, 3, 1)
    with _app(office) as connection:

        def opened(*values: object) -> int:
            return connection.execute(OPENED, values).fetchone()[0]

        connection.execute("SELECT set_config('ioc.holdings', '00070:3', false)")
        assert opened(*good) == 1
        for place, other in ((1, CONSTRUCTION), (2, 2), (3, 2)):
            assert opened(*(*good[:place], other, *good[place + 1 :])) == 0
        office.bump()
        assert opened(*good) == 1
        epoch_of_before = "SELECT count(*) FROM records.opened(%s, %s, %s, %s, authority.epoch() - 1)"
        assert connection.execute(epoch_of_before, good).fetchone() == (0,)


@pytest.mark.parametrize("holdings", ["", "D0001:3", "00070:2"])
async def test_forgotten_condition_shows_nothing_of_other_holdings(office: Office, holdings: str) -> None:
    record = await office.kept(office.keeper())
    with _app(office) as connection:
        connection.execute("SELECT set_config('ioc.holdings', %s, false)", (holdings,))
        assert connection.execute(OPENED, (record, HOAN_KIEM, 3, 1)).fetchone() == (0,)
        head = connection.execute("SELECT count(*) FROM records.head(%s, 'cadre')", (record,))
        assert head.fetchone() == (0,)
        scan = "SELECT count(*) FROM records.scan('{00070}', 3, 'cadre', authority.epoch(), %s, 1000)"
        assert connection.execute(scan, ("0" * 32,)).fetchone() == (0,)


async def test_record_of_another_holding_is_not_written(office: Office) -> None:
    put = (
        "SELECT records.put_new(gen_random_uuid(), '00070', 3, 'cadre', decode(repeat('00', 65), 'hex'),"
        " 'cadre/v1', decode(repeat('00', 40), 'hex'), 'x', now(), authority.epoch())"
    )
    with _app(office) as connection:
        connection.execute("SELECT set_config('ioc.holdings', 'D0001:3', false)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(put)


async def test_result_of_another_device_is_not_shown(office: Office) -> None:
    kien = office.keeper()
    await office.kept(kien)
    (sub, jkt, operation_id), *_ = office.rows("SELECT sub, jkt, id FROM records.result")
    stored = "SELECT count(*) FROM records.stored_result(%s, %s, %s)"
    with _app(office) as connection:
        connection.execute("SELECT set_config('ioc.device', %s, false)", ("b" * 43,))
        assert connection.execute(stored, (sub, jkt, operation_id)).fetchone() == (0,)
        connection.execute("SELECT set_config('ioc.device', %s, false)", (jkt,))
        assert connection.execute(stored, (sub, jkt, operation_id)).fetchone() == (1,)


async def test_results_are_swept_after_a_day(office: Office) -> None:
    kien = office.keeper()
    await office.kept(kien)
    await office.kept(kien, code="HK-0002")
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        superuser.execute("UPDATE records.result SET at = now() - interval '23 hours'")
        with _app(office) as connection:
            assert connection.execute("SELECT records.sweep()").fetchone() == (0,)
        superuser.execute("UPDATE records.result SET at = now() - interval '25 hours'")
        with _app(office) as connection:
            assert connection.execute("SELECT records.sweep()").fetchone() == (2,)
