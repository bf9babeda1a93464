"""Lists by filters: each narrows as it says, all together, in pages, nothing but what may be read."""

from datetime import date, timedelta

import pytest

from backend.deadlines.following import DeadlineFollowing
from backend.reports.types import ReportState
from backend.work import finding
from backend.work.errors import NameTaken, TooBroad, TooManyViews
from backend.work.filters import Hand, ListFilter, Standing
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from tests.backend.work.conftest import Rig
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, SOC_SON, change_ids, key


async def found(rig: Rig, who: str, first: int = 50, **wanted: object) -> list[str]:
    """Codes that somebody's list holds, all its pages."""
    official, after, codes = await rig.world.official(who), None, []
    while True:
        page = await rig.finder.find(official, ListFilter(**wanted), PageRequest(first, after))  # type: ignore[arg-type]
        codes += [report.code for report in page.items]
        if not page.has_next:
            return codes
        after = page.positions[-1]


async def test_each_filter_narrows_and_all_narrow_together(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    codes = []
    for days, category in enumerate(["street_light", "street_light", "waste", "waste"]):
        rig.world.clock.advance(timedelta(days=1 if days else 0))
        codes.append((await rig.world.submitted(category=category)).code)
    elsewhere = (await rig.world.submitted(ward=SOC_SON)).code
    await rig.world.reports.accept(minh, codes[0], 1, key())
    await rig.service.assign(minh, codes[0], 0, rig.code_of(thao), key())
    await rig.service.assign(minh, codes[2], 0, rig.code_of(minh), key())
    a, b, c, d = codes
    assert await found(rig, "minh") == [d, c, b, a]
    assert await found(rig, "minh", state=ReportState.IN_PROGRESS) == [a]
    assert await found(rig, "minh", category="waste") == [d, c]
    assert await found(rig, "minh", ward=HOAN_KIEM) == [d, c, b, a]
    assert await found(rig, "minh", ward=SOC_SON) == []
    assert await found(rig, "minh", hand=Hand.MINE) == [c]
    assert await found(rig, "minh", hand=Hand.NOBODY) == [d, b]
    assert await found(rig, "minh", hand=Hand.SOMEBODY) == [c, a]
    assert await found(rig, "minh", assignee=rig.code_of(thao)) == [a]
    assert await found(rig, "minh", from_day=date(2026, 11, 25), to_day=date(2026, 11, 26)) == [c, b]
    assert await found(rig, "minh", channel="app", category="street_light") == [b, a]
    assert await found(rig, "minh", channel="1022") == []
    assert await found(rig, "minh", search="den duong", category="waste") == [d, c]
    assert await found(rig, "minh", search="đèn", hand=Hand.MINE) == [c]
    assert await found(rig, "minh", search="không có") == []
    assert await found(rig, "minh", assignee="0" * 16) == []
    assert await found(rig, "quang", ward=SOC_SON) == [elsewhere]
    assert await found(rig, "quang", units=(HOAN_KIEM,), category="waste") == [d, c]
    assert await found(rig, "quang", search="den", state=ReportState.RECEIVED, units=(SOC_SON,)) == [
        elsewhere
    ]
    for one in ({}, {"category": "waste"}, {"search": "den"}, {"hand": Hand.NOBODY}):
        assert await found(rig, "minh", 1, **one) == await found(rig, "minh", **one)


async def test_deadline_standing_is_that_of_running_clocks(rig: Rig) -> None:
    following = DeadlineFollowing(rig.world.worker_database, rig.policy, rig.world.clock, new_uuid)
    early = (await rig.world.submitted()).code
    rig.world.clock.advance(timedelta(days=2))
    late = (await rig.world.submitted()).code
    for change in change_ids(rig.database.settings(rig.database.superuser)):
        await following.react(rig.world.system(), change)
    assert await found(rig, "minh", standing=Standing.LATE) == [early]
    assert await found(rig, "minh", standing=Standing.DAY) == [late]
    assert await found(rig, "dung", standing=Standing.LATE) == []


@pytest.mark.parametrize("who", ["dung", "ha", "phuong", "yen"])
async def test_nobody_finds_what_another_unit_has(rig: Rig, who: str) -> None:
    minh = await rig.world.official("minh")
    report = await rig.world.submitted()
    await rig.service.assign(minh, report.code, 0, rig.code_of(minh), key())
    for wanted in (
        {},
        {"units": (HOAN_KIEM,)},
        {"assignee": rig.code_of(minh)},
        {"search": "den duong"},
        {"state": ReportState.RECEIVED},
        {"ward": HOAN_KIEM, "hand": Hand.SOMEBODY},
    ):
        official = await rig.world.official(who)
        try:
            page = await rig.finder.find(official, ListFilter(**wanted), PageRequest(50))  # type: ignore[arg-type]
        except Forbidden:
            continue
        assert page.items == ()


async def test_administrator_of_the_platform_lists_nothing_even_with_duties(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.world.submitted()
    rig.duty(minh, "platform_admin", "C0001")
    with pytest.raises(Forbidden):
        await found(rig, "minh")


async def test_list_that_passes_over_too_many_wants_to_be_narrowed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "BATCH", 2)
    monkeypatch.setattr(finding, "MOST_LOOKED_AT", 4)
    for _ in range(6):
        await rig.world.submitted()
    with pytest.raises(TooBroad):
        await found(rig, "minh", category="waste")
    assert len(await found(rig, "minh", 3, category="street_light")) == 6


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("units", ()), ("units", ("00070",) * 21), ("category", "x" * 41), ("category", "a\x00"),
        ("ward", ""), ("channel", "x" * 33), ("search", "…"), ("search", "x" * 101),
        ("search", "một hai ba bốn năm sáu bảy tám chín"), ("assignee", "không"),
    ],
)  # fmt: skip
async def test_filter_outside_its_limits_is_refused(rig: Rig, field: str, value: object) -> None:
    with pytest.raises(InvalidInput):
        await found(rig, "minh", **{field: value})


async def test_days_in_the_wrong_order_and_two_hands_are_refused(rig: Rig) -> None:
    with pytest.raises(InvalidInput):
        await found(rig, "minh", from_day=date(2026, 11, 26), to_day=date(2026, 11, 25))
    with pytest.raises(InvalidInput):
        await found(rig, "minh", hand=Hand.MINE, assignee="0" * 16)
    assert await found(rig, "minh", from_day=date.min, to_day=date.max) == []


WANTED = ListFilter(
    units=(HOAN_KIEM,), state=ReportState.RECEIVED, hand=Hand.NOBODY, from_day=date(2026, 1, 2), search="đèn"
)


async def test_view_is_kept_changed_and_forgotten(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    saved = await rig.views.save(minh, None, "Chưa giao", WANTED, None, key())
    (view,) = await rig.views.views(minh)
    assert (view.id, view.name, view.filter, view.own, view.unit) == (saved, "Chưa giao", WANTED, True, None)
    await rig.views.save(minh, saved, "Mới", ListFilter(), None, key())
    assert [(one.name, one.filter) for one in await rig.views.views(minh)] == [("Mới", ListFilter())]
    await rig.views.delete(minh, saved, key())
    assert await rig.views.views(minh) == ()


async def test_view_is_its_owners_until_the_head_shares_it_with_the_unit(rig: Rig) -> None:
    minh, thao, ha = [await rig.world.official(name) for name in ("minh", "thao", "ha")]
    own = await rig.views.save(minh, None, "Của tôi", WANTED, None, key())
    assert await rig.views.views(thao) == ()
    with pytest.raises(Forbidden):
        await rig.views.save(minh, None, "Của đơn vị", WANTED, HOAN_KIEM, key())
    rig.duty(minh, "lead", HOAN_KIEM)
    head = await rig.world.official("minh")
    with pytest.raises(Forbidden):
        await rig.views.save(head, None, "Của đơn vị", WANTED, CONSTRUCTION, key())
    await rig.views.save(head, None, "Của đơn vị", WANTED, HOAN_KIEM, key())
    assert [(view.name, view.own) for view in await rig.views.views(thao)] == [("Của đơn vị", False)]
    assert await rig.views.views(ha) == ()
    with pytest.raises(NotFound):
        await rig.views.save(thao, own, "Lấy", WANTED, None, key())
    with pytest.raises(NotFound):
        await rig.views.delete(thao, own, key())


async def test_fifty_first_view_and_a_second_of_one_name_are_refused(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.views.save(minh, None, "Một", WANTED, None, key())
    with pytest.raises(NameTaken):
        await rig.views.save(minh, None, "Một", WANTED, None, key())
    rig.rows(
        "INSERT INTO work.view (id, owner_id, name, filter, saved_at)"
        " SELECT uuidv7(), %s, 'v' || n, '{}', now() FROM generate_series(1, 49) n", minh.official_id,
    )  # fmt: skip
    with pytest.raises(TooManyViews):
        await rig.views.save(minh, None, "Hai", WANTED, None, key())
