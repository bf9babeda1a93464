"""Officials are found by who administers them, in the order of Vietnamese lists of people."""

import asyncio

import pytest

from backend.officials.types import AccountFilter, OfficialState
from foundation.errors import InvalidInput, NotFound
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from tests.backend.officials.rig import ASKING, Rig
from tests.backend.world import CITY, HOAN_KIEM, POLICIES, UNITS, key

NAMES = [
    ("Nguyễn Thị", "Ánh"), ("Đỗ Văn", "An"), ("Lê", "Đức"), ("Trần", "Dũng"), ("Bùi", "Hòa"), ("Bùi", "Hoa"),
    ("Âu", "An"), ("Nguyễn", "An"), ("Ỷ", "Ỷ"), ("Phạm", "Ân"), ("Phạm", "Ăn"),
]  # fmt: skip


async def invited(rig: Rig) -> None:
    """The people of NAMES, in Hoàn Kiếm."""
    for number, (family, given) in enumerate(NAMES):
        await rig.invited("yen", f"p{number:02}", duties=(), family_name=family, given_name=given)


async def test_names_stand_in_vietnamese_order(rig: Rig) -> None:
    await invited(rig)
    expected = [
        "Âu An", "Đỗ Văn An", "Nguyễn An", "Nguyễn Thị Ánh", "Phạm Ăn", "Phạm Ân", "Trần Dũng", "Lê Đức",
        "Bùi Hoa", "Bùi Hòa", "Ỷ Ỷ",
    ]  # fmt: skip
    assert await rig.found("yen", state=OfficialState.INVITED) == expected


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("duc", ["Lê Đức"]),
        ("ĐỨC", ["Lê Đức"]),
        ("Đức", ["Lê Đức"]),
        ("bui h", ["Bùi Hoa", "Bùi Hòa"]),
        ("p03", ["Trần Dũng"]),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("' OR 1=1 --", []),
    ],
)
async def test_search_with_and_without_diacritics(rig: Rig, search: str, found: list[str]) -> None:
    await invited(rig)
    assert await rig.found("yen", search=search, state=OfficialState.INVITED) == found


@pytest.mark.parametrize("search", ["x" * 101, "a\x00", "\ud800"])
async def test_search_that_is_none_is_refused(rig: Rig, search: str) -> None:
    with pytest.raises(InvalidInput):
        await rig.found("nga", search=search)


async def test_pages_hold_everybody_once(rig: Rig) -> None:
    await invited(rig)
    nga, after, seen = await rig.world.official("nga"), None, []
    while True:
        page = await rig.queries.accounts(nga, AccountFilter(), 4, after)
        seen += [account.code for account in page.items]
        if not page.has_next:
            break
        after = page.keys[-1]
    assert len(seen) == len(set(seen)) == len(await rig.found("nga"))


async def test_ward_sees_its_people_alone(rig: Rig) -> None:
    assert await rig.found("yen") == ["Trần Văn Minh", "Trần Thị Thảo", "Trần Hải Yến"]


async def test_city_sees_nobody_of_the_party(rig: Rig) -> None:
    assert "Trần Mai Phương" not in await rig.found("nga")


@pytest.mark.parametrize("who", ["minh", "quang", "phuong"])
async def test_who_administers_nobody_lists_nobody(rig: Rig, who: str) -> None:
    assert await rig.found(who) == []


async def test_unit_narrows_to_what_lies_below(rig: Rig) -> None:
    assert (await rig.found("nga", unit=HOAN_KIEM), len(await rig.found("nga", unit=CITY))) == (
        await rig.found("yen"),
        8,
    )


async def test_unit_of_another_widens_nothing(rig: Rig) -> None:
    assert await rig.found("yen", unit=CITY) == await rig.found("yen")


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_page_size_outside_its_limits_is_refused(rig: Rig, first: int) -> None:
    with pytest.raises(InvalidInput):
        await rig.queries.accounts(await rig.world.official("nga"), AccountFilter(), first, None)


async def test_each_sees_the_own_account_and_history(rig: Rig) -> None:
    code = rig.code_of("Minh")
    await rig.officials.suspend(await rig.world.official("yen"), await rig.step(code), ASKING, key())
    await rig.officials.reinstate(await rig.world.official("yen"), await rig.step(code), ASKING, key())
    minh = await rig.world.official("minh")
    history = await rig.queries.history(minh, code, PageRequest(10))
    assert (await rig.queries.account(minh, code)).name == "Trần Văn Minh"
    assert [change.kind for change in history.items] == ["reinstated", "suspended"]


@pytest.mark.parametrize(
    ("who", "whom"), [("minh", "Thảo"), ("yen", "Dũng"), ("nga", "Phương"), ("minh", "Nga")]
)
async def test_others_see_neither_account_nor_history(rig: Rig, who: str, whom: str) -> None:
    official, code = await rig.world.official(who), rig.code_of(whom)
    with pytest.raises(NotFound):
        await rig.queries.account(official, code)
    with pytest.raises(NotFound):
        await rig.queries.history(official, code, PageRequest(10))


async def test_what_is_under_way_is_shown(rig: Rig) -> None:
    made = await rig.invited()
    (request,) = (await rig.account(made.code)).requests
    assert (request.operation, request.state, request.error) == ("official.create", "waiting", None)


async def test_lists_and_decisions_agree(rig: Rig) -> None:
    """Whoever is in a list may be read, and whoever may be read and is not oneself is in the list."""
    codes = [row[0] for row in rig.look("SELECT code FROM tenancy.official")]
    for who in UNITS:
        official = await rig.world.official(who)
        page = await rig.queries.accounts(official, AccountFilter(), 100, None)
        listed = {account.code for account in page.items}
        own = {rig.look("SELECT code FROM tenancy.official WHERE id = %s", official.official_id)[0][0]}
        readable = {code for code in codes if await _readable(rig, who, code)}
        assert listed | own == readable


async def _readable(rig: Rig, who: str, code: str) -> bool:
    try:
        await rig.account(code, who)
    except NotFound:
        return False
    return True


async def test_policies_hold_where_row_level_security_would_not(rig: Rig) -> None:
    """The first wall alone: with every row visible the policy still hides a colleague."""
    rig.do("CREATE POLICY open_door ON tenancy.official FOR SELECT TO backend_app USING (true)")
    with pytest.raises(NotFound):
        await rig.account(rig.code_of("Thảo"), "minh")


async def test_row_level_security_holds_where_policies_would_not(rig: Rig) -> None:
    """The second wall alone: with a policy that allows everything the row is still not there."""
    schema, policies = PolicyEngine.load(POLICIES).texts
    rig.queries._policy = PolicyEngine(
        schema, policies + '\n@id("open") permit (principal, action, resource);'
    )
    with pytest.raises(NotFound):
        await rig.account(rig.code_of("Thảo"), "minh")


async def test_many_readers_at_once_keep_their_own_view(rig: Rig) -> None:
    lists = await asyncio.gather(*(rig.found(who) for who in ("yen", "nga", "minh") * 5))
    assert [len(found) for found in lists] == [3, 8, 0] * 5


async def test_code_of_nobody_reads_nothing(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.account("0123456789ABCDEF")


async def test_administrator_of_the_city_working_for_a_ward_lists_nobody(rig: Rig) -> None:
    at_the_ward = await rig.signed_in("00000000-0000-4000-8000-000000000007", HOAN_KIEM)
    assert (await rig.queries.accounts(at_the_ward, AccountFilter(), 100, None)).items == ()
