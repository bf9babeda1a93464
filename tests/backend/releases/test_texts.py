"""A text is private until an officer of the handling unit releases his version, and once it is taken back."""

from dataclasses import dataclass

import pytest

from backend.releases.service import LONGEST, TextReleaseService
from backend.releases.types import TextState
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import AnonymousPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from tests.backend.world import POLICIES, TEXT, World, key
from tests.conftest import Database

OWN = "Đèn đường tắt ở ngõ […]."


@dataclass
class Page:
    """Lan's report at Hoàn Kiếm, and its public page."""

    world: World
    database: Database
    code: str
    service: TextReleaseService

    async def release(
        self, who: str = "minh", version: int = 0, text: str = OWN, with_key: Idempotency | None = None
    ) -> int:
        """The version after it."""
        official = await self.world.official(who)
        return (await self.service.release(official, self.code, version, text, with_key or key())).version

    async def withdraw(self, who: str = "minh", version: int = 1) -> int:
        done = await self.service.withdraw(await self.world.official(who), self.code, version, key())
        assert done.state is TextState.WITHDRAWN
        return done.version

    async def shown(self) -> str | None:
        """What nobody in particular reads."""
        text = await self.service.released_text(AnonymousPrincipal(self.world.origin()), self.code)
        return None if text is None else text.text

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.database.cluster.connect(self.database.name) as superuser:
            return superuser.execute(query.encode()).fetchall()


@pytest.fixture
async def page(world: World, database: Database) -> Page:
    report = await world.submitted()
    service = TextReleaseService(
        database=world.database, policy=PolicyEngine.load(POLICIES), clock=world.clock, new_id=new_uuid
    )
    return Page(world, database, report.code, service)


async def test_anybody_reads_the_officers_version_between_release_and_withdrawal(page: Page) -> None:
    seen = [await page.shown()]
    await page.release()
    seen.append(await page.shown())
    await page.withdraw()
    seen.append(await page.shown())
    assert seen == [None, OWN, None]


async def test_the_original_stays_as_it_was(page: Page) -> None:
    await page.release()
    assert page.rows("SELECT body FROM reports.report") == [(TEXT,)]


async def test_a_new_version_takes_the_place_of_the_first(page: Page) -> None:
    await page.release()
    assert await page.release(version=1, text="Đèn đường tắt.") == 2
    assert await page.shown() == "Đèn đường tắt."


async def test_a_text_is_released_again_after_it_was_taken_back(page: Page) -> None:
    await page.release()
    await page.withdraw()
    assert await page.release(version=2) == 3
    assert await page.shown() == OWN


async def test_city_operator_takes_back_what_a_ward_released(page: Page) -> None:
    await page.release()
    await page.withdraw("quang")
    assert await page.shown() is None


@pytest.mark.parametrize(
    ("who", "refusal"), [("dung", NotFound), ("ha", NotFound), ("quang", Forbidden), ("phuong", NotFound)]
)
async def test_nobody_else_releases(page: Page, who: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await page.release(who)
    assert await page.shown() is None


async def test_an_officer_of_another_unit_does_not_take_back(page: Page) -> None:
    await page.release()
    with pytest.raises(NotFound):
        await page.withdraw("dung")
    assert await page.shown() == OWN


async def test_who_saw_an_older_version_is_told(page: Page) -> None:
    await page.release()
    with pytest.raises(VersionConflict):
        await page.release("thao")
    with pytest.raises(VersionConflict):
        await page.withdraw(version=7)


async def test_what_was_never_released_is_not_taken_back(page: Page) -> None:
    with pytest.raises(NotFound):
        await page.withdraw(version=0)


@pytest.mark.parametrize(
    "text", ["", "   ", "x" * (LONGEST + 1), "a\x00b", "a\u202eb", "a\u200bb", "...", "\ud800"]
)
async def test_a_text_that_misleads_or_is_none_is_refused(page: Page, text: str) -> None:
    with pytest.raises(InvalidInput):
        await page.release(text=text)


async def test_a_repeat_has_one_effect(page: Page) -> None:
    again = key()
    assert await page.release(with_key=again) == await page.release(with_key=again) == 1
    with pytest.raises(IdempotencyMismatch):
        await page.release(with_key=Idempotency(again.key, b"\x02" * 32))


async def test_each_is_an_event_and_a_change(page: Page) -> None:
    await page.release()
    await page.withdraw()
    kinds = page.rows("SELECT kind FROM changes.change ORDER BY x, id")
    assert [kind for (kind,) in kinds[-2:]] == ["text.released", "text.withdrawn"]
    events = page.rows("SELECT line::jsonb->'unmapped'->>'action' FROM audit.event ORDER BY xid, id")
    assert [action for (action,) in events[-2:]] == ["report.release_text", "report.withdraw_text"]
