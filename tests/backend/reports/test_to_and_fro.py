"""A report that units send to and fro goes to the level above, which sees it."""

from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, World, connect, key
from tests.conftest import Database


async def _sent(world: World, code: str, version: int, who: str, to_unit: str) -> int:
    return (
        await world.reports.forward(
            await world.official(who), code, version, to_unit, "Không thuộc đơn vị", key()
        )
    ).version


def _handler(database: Database, code: str) -> str:
    with connect(database.settings(database.superuser)) as connection:
        row = connection.execute(
            "SELECT u.code FROM reports.report r JOIN tenancy.unit u ON u.id = r.handler_id"
            " WHERE r.code = %s",
            (code,),
        ).fetchone()
    assert row is not None
    return str(row[0])


async def test_third_time_to_the_same_unit_goes_to_the_level_above(world: World, database: Database) -> None:
    report = await world.submitted()
    version = 1
    for _ in range(2):
        version = await _sent(world, report.code, version, "minh", CONSTRUCTION)
        version = await _sent(world, report.code, version, "ha", HOAN_KIEM)
    assert _handler(database, report.code) == HOAN_KIEM
    version = await _sent(world, report.code, version, "minh", CONSTRUCTION)
    assert _handler(database, report.code) == CITY
    # City level decides, and is not limited itself.
    version = await _sent(world, report.code, version, "quang", CONSTRUCTION)
    assert _handler(database, report.code) == CONSTRUCTION
