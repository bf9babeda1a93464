"""What an officer blacks out is black in every form of the rendition; the original is kept, and not shown."""

from dataclasses import dataclass
from io import BytesIO
from uuid import UUID

import pytest
from PIL import Image

from backend.media.errors import TooManyFiles
from backend.media.processing import Processor
from backend.media.redaction import RedactionService
from backend.media.release import MediaReleaseService
from backend.media.store import store_of
from backend.media.types import Area, MediaChanged
from backend.tenancy.service import TenancyService
from foundation.clock import SystemClock
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Origin
from foundation.ids import GlobalIds, new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.settings import MediaSettings
from tests.backend.media.pictures import pdf, photo
from tests.backend.media.rig import MediaApi
from tests.backend.world import OFFICIALS, POLICIES, UNITS, key, session

IDS = GlobalIds(bytes(range(64)))
FACE = Area(100, 50, 200, 160)
SIZES = {"full": 1.0, "large": 1.0, "thumb": 0.5}
"""Of a photo of 640 × 480, by the form."""


@dataclass(frozen=True)
class Photo:
    """A private photo of Lan's report at Hoàn Kiếm."""

    api: MediaApi
    code: str
    id: UUID
    redactions: RedactionService
    releases: MediaReleaseService

    async def official(self, name: str) -> OfficialPrincipal:
        number = list(UNITS).index(name) + 1
        subject = f"00000000-0000-4000-8000-00000000000{number}"
        tenancy = TenancyService(self.api.database, SystemClock())
        return await tenancy.principal_of(
            session(OFFICIALS, subject, UNITS[name]), Origin(str(new_uuid()), "203.0.113.0")
        )

    async def redact(
        self, *areas: Area, who: str = "minh", version: int = 1, with_key: Idempotency | None = None
    ) -> MediaChanged:
        return await self.redactions.redact(
            await self.official(who), self.id, version, areas or (FACE,), with_key or key()
        )

    async def status(self, media_id: UUID, who: str | None = None) -> int:
        return (await self.api.read(IDS.of_uuid("Media", media_id), who, "thumb")).status_code

    async def picture(self, media_id: UUID, size: str) -> Image.Image:
        answer = await self.api.read(IDS.of_uuid("Media", media_id), None, size)
        return Image.open(BytesIO(answer.content)).convert("L")


@pytest.fixture
async def private_photo(api: MediaApi) -> Photo:
    report = await api.report()
    return await _photo(api, report.code, photo())


async def _photo(api: MediaApi, code: str, octets: bytes) -> Photo:
    media = (await api.upload(octets, code)).json()["media"]
    policy, clock = PolicyEngine.load(POLICIES), SystemClock()
    settings = MediaSettings(folder=api.folder, link_key_file=api.folder, scan_required=False)
    redactions = RedactionService(
        database=api.database,
        policy=policy,
        store=store_of(settings),
        processor=Processor(),
        clock=clock,
        new_id=new_uuid,
    )
    releases = MediaReleaseService(database=api.database, policy=policy, clock=clock, new_id=new_uuid)
    return Photo(api, code, IDS.parse_uuid("Media", media["id"]), redactions, releases)


async def test_every_released_form_is_black_where_it_was_marked(private_photo: Photo) -> None:
    made = await private_photo.redact()
    await private_photo.releases.release(await private_photo.official("minh"), made.id, 1, key())
    for size, scale in SIZES.items():
        shown = await private_photo.picture(made.id, size)
        inside = tuple(
            round(edge * scale)
            for edge in (FACE.x + 8, FACE.y + 8, FACE.x + FACE.width - 8, FACE.y + FACE.height - 8)
        )
        assert shown.crop(inside).getextrema()[1] < 12
        assert shown.getextrema()[1] > 200


async def test_the_original_is_kept_and_stays_private(private_photo: Photo) -> None:
    made = await private_photo.redact()
    await private_photo.releases.release(await private_photo.official("minh"), made.id, 1, key())
    seen = (
        await private_photo.status(made.id),
        await private_photo.status(private_photo.id),
        await private_photo.status(private_photo.id, "lan"),
    )
    assert seen == (200, 401, 200)


async def test_an_original_that_was_released_is_taken_back(private_photo: Photo) -> None:
    await private_photo.releases.release(await private_photo.official("minh"), private_photo.id, 1, key())
    await private_photo.redact(version=2)
    assert await private_photo.status(private_photo.id) == 401


async def test_a_rendition_is_private_until_it_is_released(private_photo: Photo) -> None:
    made = await private_photo.redact()
    assert await private_photo.status(made.id) == 401


@pytest.mark.parametrize(
    ("who", "refusal"), [("dung", NotFound), ("ha", NotFound), ("quang", Forbidden), ("phuong", NotFound)]
)
async def test_nobody_else_redacts(private_photo: Photo, who: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await private_photo.redact(who=who)


@pytest.mark.parametrize(
    "areas",
    [
        (Area(-1, 0, 10, 10),),
        (Area(0, 0, 0, 10),),
        (Area(0, 0, 10, -5),),
        (Area(600, 0, 41, 10),),
        (Area(0, 470, 10, 11),),
        (Area(2**31, 0, 1, 1),),
        (FACE,) * 51,
    ],
)
async def test_areas_outside_the_photo_and_too_many_are_refused(
    private_photo: Photo, areas: tuple[Area, ...]
) -> None:
    with pytest.raises(InvalidInput):
        await private_photo.redact(*areas)


async def test_a_document_has_no_areas(api: MediaApi) -> None:
    report = await api.report()
    with pytest.raises(NotFound):
        await (await _photo(api, report.code, pdf())).redact()


async def test_who_saw_an_older_version_is_told(private_photo: Photo) -> None:
    with pytest.raises(VersionConflict):
        await private_photo.redact(version=3)


async def test_a_repeat_makes_one_rendition(private_photo: Photo) -> None:
    again = key()
    first, second = await private_photo.redact(with_key=again), await private_photo.redact(with_key=again)
    assert first == second
    with pytest.raises(IdempotencyMismatch):
        await private_photo.redact(with_key=Idempotency(again.key, b"\x02" * 32))
    assert private_photo.api.rows("SELECT count(*) FROM media.object") == [(2,)]


async def test_a_report_that_is_full_takes_no_rendition(private_photo: Photo) -> None:
    for _ in range(20):
        await private_photo.redact()
    with pytest.raises(TooManyFiles):
        await private_photo.redact()
