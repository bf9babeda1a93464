"""A file is private until an officer of the handling unit releases it, and again once it is taken back."""

from dataclasses import dataclass
from uuid import UUID

import orjson
import psycopg
import pytest

from backend.media.listing import MediaListing
from backend.media.release import MediaReleaseService
from backend.media.types import MediaState
from backend.tenancy.service import TenancyService
from foundation.clock import SystemClock
from foundation.errors import Forbidden, IdempotencyMismatch, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import AnonymousPrincipal, OfficialPrincipal, Origin
from foundation.ids import GlobalIds, new_uuid
from foundation.policy.engine import PolicyEngine
from tests.backend.media.pictures import photo
from tests.backend.media.rig import MediaApi
from tests.backend.world import OFFICIALS, POLICIES, UNITS, connect, key, session

IDS = GlobalIds(bytes(range(64)))


@dataclass(frozen=True)
class Photo:
    """A private photo of Lan's report at Hoàn Kiếm, and who may act on it."""

    api: MediaApi
    code: str
    id: UUID
    service: MediaReleaseService
    listing: MediaListing

    async def official(self, name: str) -> OfficialPrincipal:
        number = list(UNITS).index(name) + 1
        subject = f"00000000-0000-4000-8000-00000000000{number}"
        tenancy = TenancyService(self.api.database, SystemClock())
        return await tenancy.principal_of(
            session(OFFICIALS, subject, UNITS[name]), Origin(str(new_uuid()), "203.0.113.0")
        )

    async def release(self, who: str = "minh", version: int = 1, with_key: Idempotency | None = None) -> int:
        """The version after it."""
        done = await self.service.release(await self.official(who), self.id, version, with_key or key())
        return done.version

    async def withdraw(self, who: str = "minh", version: int = 2) -> int:
        done = await self.service.withdraw(await self.official(who), self.id, version, key())
        return done.version

    async def shown_to_nobody_in_particular(self) -> tuple[int, int]:
        """The status of a reading without a token, and how many files the report's public page has."""
        answer = await self.api.read(IDS.of_uuid("Media", self.id), who=None, size="thumb")
        anybody = AnonymousPrincipal(Origin(str(new_uuid()), "203.0.113.0"))
        return answer.status_code, len(await self.listing.released(anybody, self.code))


@pytest.fixture
async def private_photo(api: MediaApi) -> Photo:
    report = await api.report()
    media = (await api.upload(photo(), report.code)).json()["media"]
    policy, clock = PolicyEngine.load(POLICIES), SystemClock()
    return Photo(
        api,
        report.code,
        IDS.parse_uuid("Media", media["id"]),
        MediaReleaseService(database=api.database, policy=policy, clock=clock, new_id=new_uuid),
        MediaListing(api.database, policy, clock),
    )


async def test_anybody_sees_a_file_between_release_and_withdrawal(private_photo: Photo) -> None:
    seen = [await private_photo.shown_to_nobody_in_particular()]
    await private_photo.release()
    seen.append(await private_photo.shown_to_nobody_in_particular())
    await private_photo.withdraw()
    seen.append(await private_photo.shown_to_nobody_in_particular())
    assert seen == [(401, 0), (200, 1), (401, 0)]


async def test_each_is_an_event_and_a_change(private_photo: Photo) -> None:
    await private_photo.release()
    await private_photo.withdraw()
    lines = private_photo.api.rows("SELECT line FROM audit.event ORDER BY xid, id")
    events = [orjson.loads(line)["unmapped"] for (line,) in lines]
    done = [(event["action"], event["unit"], event["resource"]) for event in events[-2:]]
    resource = f"media:{private_photo.id}"
    assert done == [("media.release", "00070", resource), ("media.withdraw", "00070", resource)]
    kinds = private_photo.api.rows("SELECT kind FROM changes.change ORDER BY x, id")
    assert [kind for (kind,) in kinds[-2:]] == ["media.released", "media.withdrawn"]


async def test_city_operator_takes_back_what_a_ward_released(private_photo: Photo) -> None:
    await private_photo.release()
    await private_photo.withdraw("quang")
    assert await private_photo.shown_to_nobody_in_particular() == (401, 0)


@pytest.mark.parametrize(("who", "refusal"), [("dung", NotFound), ("ha", NotFound), ("quang", Forbidden)])
async def test_nobody_else_releases(private_photo: Photo, who: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await private_photo.release(who)
    assert await private_photo.shown_to_nobody_in_particular() == (401, 0)


async def test_officer_of_another_unit_does_not_take_back_what_he_sees_released(private_photo: Photo) -> None:
    await private_photo.release()
    with pytest.raises(NotFound):
        await private_photo.withdraw("dung")
    assert await private_photo.shown_to_nobody_in_particular() == (200, 1)


async def test_who_saw_an_older_version_is_told(private_photo: Photo) -> None:
    await private_photo.release()
    with pytest.raises(VersionConflict):
        await private_photo.release("thao", version=1)


async def test_release_of_what_is_released_changes_nothing(private_photo: Photo) -> None:
    await private_photo.release()
    assert await private_photo.release(version=2) == 2


async def test_repeat_gets_the_same_answer_after_the_withdrawal_too(private_photo: Photo) -> None:
    once = key()
    await private_photo.release(with_key=once)
    await private_photo.withdraw()
    assert await private_photo.release(with_key=once) == 2
    assert await private_photo.shown_to_nobody_in_particular() == (401, 0)


async def test_key_of_another_request_is_refused(private_photo: Photo) -> None:
    once = key()
    await private_photo.release(with_key=once)
    with pytest.raises(IdempotencyMismatch):
        await private_photo.release(with_key=Idempotency(once.key, bytes(32)))


async def test_files_of_a_list_leave_out_what_may_not_be_read(private_photo: Photo) -> None:
    other = await private_photo.api.report("hung")
    lan = await private_photo.api.citizen("lan")
    found = await private_photo.listing.of_reports(lan, [private_photo.code, other.code, "0" * 16])
    assert {code: [file.state for file in files] for code, files in found.items()} == {
        private_photo.code: [MediaState.PRIVATE]
    }


def _set(units: str, subject: UUID) -> bytes:
    return f"SET ioc.units = '{units}'; SET ioc.subject = '{subject}'".encode()


@pytest.mark.parametrize("units", ["", "2"])
async def test_row_of_another_unit_is_out_of_reach_in_sql(private_photo: Photo, units: str) -> None:
    someone = new_uuid()
    with connect(private_photo.api.test_database.settings("backend_app")) as app:
        app.execute(_set(units, someone))
        changed = app.execute(
            "UPDATE media.object SET state = 'released', released_at = now(), released_by = %s", (someone,)
        )
        assert changed.rowcount == 0


async def test_release_in_anothers_name_is_refused_in_sql(private_photo: Photo) -> None:
    (unit,) = private_photo.api.rows("SELECT id FROM tenancy.unit WHERE code = '00070'")[0]
    with connect(private_photo.api.test_database.settings("backend_app")) as app:
        app.execute(_set(str(unit), new_uuid()))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(
                "UPDATE media.object SET state = 'released', released_at = now(), released_by = %s",
                (new_uuid(),),
            )
