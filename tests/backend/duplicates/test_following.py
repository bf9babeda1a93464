"""Near reports and followers: public fields of released open reports; news for followers, nobody else."""

from dataclasses import dataclass
from typing import Any

import pytest

from backend.duplicates import service as module
from backend.duplicates.errors import TooManyFollowed
from backend.duplicates.jobs import FollowerNotices
from backend.duplicates.service import FollowService
from backend.releases.service import TextReleaseService
from backend.reports.types import ReportState
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from tests.backend.world import HOAN_KIEM, POLICIES, World, change_ids, connect, key
from tests.conftest import Database

LATITUDE, LONGITUDE = 21.0245, 105.8516
SHOWN = "Đèn đường tắt ở ngõ […]."


@dataclass
class Street:
    """Lan's report, and Hung who comes by."""

    world: World
    database: Database
    code: str
    hung: CitizenPrincipal
    follows: FollowService
    texts: TextReleaseService
    notices: FollowerNotices

    async def release(self, code: str | None = None) -> None:
        await self.texts.release(await self.world.official("minh"), code or self.code, 0, SHOWN, key())

    async def near(self, latitude: float = LATITUDE, category: str = "street_light") -> list[str]:
        return [r.code for r in await self.follows.near(self.hung, category, latitude, LONGITUDE)]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with connect(self.database.settings(self.database.superuser)) as superuser:
            cursor = superuser.execute(query.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()

    async def told(self) -> list[str]:
        """Kinds in Hung's inbox after every change was told twice."""
        for change in change_ids(self.database.settings(self.database.superuser)) * 2:
            await self.notices.react(self.world.system(), change)
        return [
            row[0]
            for row in self.rows(
                "SELECT kind FROM notifications.inbox WHERE recipient = %s ORDER BY version",
                self.hung.citizen_id,
            )
        ]


@pytest.fixture
async def street(world: World, database: Database) -> Street:
    policy = PolicyEngine.load(POLICIES)
    return Street(
        world,
        database,
        (await world.submitted()).code,
        await world.citizen("hung"),
        FollowService(world.database, policy, world.clock),
        TextReleaseService(database=world.database, policy=policy, clock=world.clock, new_id=new_uuid),
        FollowerNotices(world.worker_database, policy, world.notifications, world.clock),
    )


async def test_report_is_near_once_its_text_is_released_and_shows_the_officers_version(
    street: Street,
) -> None:
    before = await street.near()
    await street.release()
    (found,) = await street.follows.near(street.hung, "street_light", LATITUDE, LONGITUDE)
    assert before == []
    assert (found.code, found.text, found.following) == (street.code, SHOWN, False)
    assert (found.ward.code, found.state) == (HOAN_KIEM, ReportState.RECEIVED)


async def test_neighbouring_cell_is_near_and_a_kilometre_away_is_not(street: Street) -> None:
    await street.release()
    assert await street.near(LATITUDE + 0.003) == [street.code]
    assert await street.near(LATITUDE + 0.010) == []


async def test_other_category_own_closed_and_withdrawn_text_are_not_shown(street: Street) -> None:
    await street.release()
    lan = await street.world.citizen()
    assert await street.near(category="garbage") == []
    assert await street.follows.near(lan, "street_light", LATITUDE, LONGITUDE) == ()
    await street.texts.withdraw(await street.world.official("minh"), street.code, 1, key())
    assert await street.near() == []
    await street.texts.release(await street.world.official("minh"), street.code, 2, SHOWN, key())
    assert await street.near() == [street.code]
    street.rows(
        "UPDATE reports.report SET state = 'closed', closing_reason = 'no_reply', closed_at = updated_at"
    )
    assert await street.near() == []


@pytest.mark.parametrize("latitude", [float("nan"), 10.8, 105.85])
async def test_point_outside_the_city_is_refused(street: Street, latitude: float) -> None:
    with pytest.raises(InvalidInput):
        await street.near(latitude)


async def test_follower_is_told_of_states_once_and_the_unfollowed_no_more(street: Street) -> None:
    await street.release()
    minh = await street.world.official("minh")
    await street.follows.follow(street.hung, street.code, key())
    await street.world.reports.accept(minh, street.code, 1, key())
    await street.world.reports.ask(minh, street.code, 2, "Cột số mấy?", key())
    assert await street.told() == ["report.accepted"]
    await street.follows.unfollow(street.hung, street.code, key())
    await street.world.reports.reply(await street.world.citizen(), street.code, 3, "Cột 7", key())
    await street.world.reports.answer(minh, street.code, 4, "Đã sửa", key())
    assert await street.told() == ["report.accepted"]


async def test_what_is_not_released_absent_or_ones_own_is_refused_alike(street: Street) -> None:
    with pytest.raises(NotFound):
        await street.follows.follow(street.hung, street.code, key())
    await street.release()
    with pytest.raises(NotFound):
        await street.follows.follow(street.hung, "0000000000000000", key())
    with pytest.raises(NotFound):
        await street.follows.follow(await street.world.citizen(), street.code, key())
    with pytest.raises(NotFound):
        await street.follows.unfollow(street.hung, street.code, key())
    assert street.rows("SELECT 1 FROM duplicates.follower") == []


async def test_following_shows_a_follower_nothing_of_the_inside(street: Street) -> None:
    await street.release()
    await street.follows.follow(street.hung, street.code, key())
    with pytest.raises(NotFound):
        await street.world.queries.one(street.hung, street.code)


async def test_more_than_the_most_are_not_followed(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FOLLOWED", 1)
    other = (await street.world.submitted()).code
    for code in (street.code, other):
        await street.release(code)
    await street.follows.follow(street.hung, street.code, key())
    await street.follows.follow(street.hung, street.code, key())
    with pytest.raises(TooManyFollowed):
        await street.follows.follow(street.hung, other, key())


async def test_who_leaves_follows_nothing(street: Street) -> None:
    await street.release()
    await street.follows.follow(street.hung, street.code, key())
    street.rows(
        "UPDATE citizens.citizen SET issuer = 'urn:ioc:deleted', subject = 'x' WHERE id = %s",
        street.hung.citizen_id,
    )
    assert street.rows("SELECT 1 FROM duplicates.follower") == []


async def test_another_job_tells_nobody(street: Street) -> None:
    change = change_ids(street.database.settings(street.database.superuser))[0]
    with pytest.raises(Forbidden):
        await street.notices.react(street.world.system("reminders"), change)
