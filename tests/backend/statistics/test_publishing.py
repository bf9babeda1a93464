"""The hourly job on a real database, and the map that everybody fetches."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import h3
import httpx
import pytest
from litestar import Litestar

from backend.reports.types import Asked, Merge
from backend.statistics.public import PublicFigureQueries
from backend.statistics.publishing import Publisher
from foundation.errors import InvalidInput, NotFound
from foundation.identity.principal import AnonymousPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from services.figures import GEOJSON, PATH, public_map
from tests.backend.statistics.conftest import Bureau
from tests.backend.world import HOAN_KIEM, POLICIES, key, merging_of
from tests.graphql_schema.fakes import FakeGateway


@pytest.fixture
def publisher(bureau: Bureau) -> Publisher:
    world = bureau.world
    return Publisher(world.worker_database, PolicyEngine.load(POLICIES), world.clock, new_uuid)


@pytest.fixture
def queries(bureau: Bureau) -> PublicFigureQueries:
    return PublicFigureQueries(bureau.world.database, PolicyEngine.load(POLICIES), bureau.world.clock)


@pytest.fixture
async def client(queries: PublicFigureQueries) -> AsyncIterator[httpx.AsyncClient]:
    gateway: Any = FakeGateway()
    route = public_map(queries, gateway, lambda: "r")
    transport = httpx.ASGITransport(app=Litestar([route], openapi_config=None, logging_config=None))
    async with httpx.AsyncClient(transport=transport, base_url="https://api.test") as client:
        yield client


async def _reported(bureau: Bureau, people: int, first: int = 0) -> None:
    for number in range(first, first + people):
        await bureau.world.submitted(await bureau.world.citizen(f"citizen-{number}"))
    bureau.world.clock.advance(timedelta(hours=1))


def _anybody(bureau: Bureau) -> AnonymousPrincipal:
    return AnonymousPrincipal(bureau.world.origin())


async def test_five_people_are_told_of_and_four_are_not(
    bureau: Bureau, publisher: Publisher, queries: PublicFigureQueries
) -> None:
    await _reported(bureau, 4)
    await publisher.run()
    assert (await queries.figures(_anybody(bureau), 20)).wards == ()
    await _reported(bureau, 1, first=4)
    await publisher.run()
    seen = await queries.figures(_anybody(bureau), 20)
    assert [(ward.unit.code, ward.reports, ward.before) for ward in seen.wards] == [(HOAN_KIEM, 5, 0)]
    assert [(one.code, one.reports) for one in seen.categories] == [("street_light", 5)]
    assert [(place.resolution, place.reports) for place in seen.places] == [(9, 5)]


async def test_publishing_again_publishes_the_same(bureau: Bureau, publisher: Publisher) -> None:
    await _reported(bureau, 6)
    await publisher.run()
    first = bureau.rows("SELECT digest FROM published.document")
    await publisher.run()
    assert bureau.rows("SELECT digest FROM published.document") == first
    assert bureau.rows("SELECT count(*) FROM statistics.batch WHERE dimension = 'place'") == [(1,)]


async def test_what_was_told_becomes_the_period_before_and_is_forgotten(
    bureau: Bureau, publisher: Publisher, queries: PublicFigureQueries
) -> None:
    await _reported(bureau, 5)
    await publisher.run()
    bureau.world.clock.advance(timedelta(days=31))
    await publisher.run()
    seen = (await queries.figures(_anybody(bureau), 20)).wards
    assert [(ward.reports, ward.before) for ward in seen] == [(0, 5)]
    bureau.world.clock.advance(timedelta(days=31))
    await publisher.run()
    assert (await queries.figures(_anybody(bureau), 20)).wards == ()


async def test_the_map_is_geojson_that_may_be_kept(
    bureau: Bureau, publisher: Publisher, client: httpx.AsyncClient
) -> None:
    await _reported(bureau, 5)
    await publisher.run()
    answer = await client.get(PATH)
    (feature,) = answer.json()["features"]
    longitude, latitude = feature["geometry"]["coordinates"]
    assert answer.headers["content-type"] == GEOJSON
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert feature["properties"]["cell"] == h3.latlng_to_cell(latitude, longitude, 9)
    assert feature["properties"]["reports"] == 5
    again = await client.get(PATH, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await client.head(PATH)
    assert (head.status_code, head.content) == (200, b"")


async def test_before_the_first_edition_there_is_none(
    bureau: Bureau, queries: PublicFigureQueries, client: httpx.AsyncClient
) -> None:
    assert (await client.get(PATH)).status_code == 404
    with pytest.raises(NotFound):
        await queries.figures(_anybody(bureau), 20)


async def test_the_map_is_only_read(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, content=b"x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("places", [0, -1, 101])
async def test_too_many_places_are_refused(bureau: Bureau, queries: PublicFigureQueries, places: int) -> None:
    with pytest.raises(InvalidInput):
        await queries.figures(_anybody(bureau), places)


async def test_deadlines_and_ratings_wait_for_company_too(
    bureau: Bureau, publisher: Publisher, queries: PublicFigureQueries
) -> None:
    await _reported(bureau, 5)
    bureau.rows("SELECT statistics.note_rating(id, 4, NULL, created_at) FROM reports.report LIMIT 4")
    await publisher.run()
    assert (await queries.figures(_anybody(bureau), 20)).units == ()
    bureau.rows("SELECT statistics.note_rating(id, 4, NULL, created_at) FROM reports.report")
    await publisher.run()
    (unit,) = (await queries.figures(_anybody(bureau), 20)).units
    assert (unit.unit.code, unit.satisfaction, unit.ratings, unit.on_time_percent) == (
        HOAN_KIEM,
        4.0,
        5,
        None,
    )


async def test_merged_report_waits_until_it_is_taken_apart(bureau: Bureau, publisher: Publisher) -> None:
    """The same thing is one on the map: with a merged report four others have no company."""
    await _reported(bureau, 5)
    rows = bureau.rows("SELECT code FROM reports.report ORDER BY created_at, id LIMIT 2")
    main, other = (str(row[0]) for row in rows)
    minh, merges = await bureau.world.official("minh"), merging_of(bureau.world)
    await merges.merge(minh, Merge(Asked(main, 1), (Asked(other, 1),)), key())
    await publisher.run()
    batches = "SELECT dimension, reports FROM statistics.batch ORDER BY dimension"
    assert bureau.rows(batches) == []
    await merges.unmerge(minh, other, 2, "Khác nhau.", key())
    await publisher.run()
    assert bureau.rows(batches) == [("category", 5), ("place", 5)]
