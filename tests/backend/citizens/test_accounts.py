"""A citizen's account: seen, deleted, kept, and reports of before that are claimed."""

from datetime import timedelta
from uuid import UUID

import pytest

from backend.citizens.errors import AccountGone, NoDeletion, PhoneUnproven
from backend.citizens.types import PhoneStanding
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.phones import Phone
from tests.backend.citizens.rig import HUNG, LAN, NEW, Bureau
from tests.backend.world import key, show_evidence

MONTH = timedelta(days=30)
NOTE = "SELECT citizens.note_unclaimed(id, %s, now()) FROM reports.report WHERE code = %s"


async def unclaimed(bureau: Bureau, phone: str) -> str:
    """A report that a channel handed in for somebody with this number: its code."""
    made = await bureau.world.submitted(await bureau.world.citizen("channel"))
    nobody = UUID(int=int.from_bytes(made.code.encode()[:16]))
    bureau.do("SELECT citizens.nameless(%s)", nobody)
    bureau.do("UPDATE reports.report SET citizen_id = %s WHERE code = %s", nobody, made.code)
    digest = bureau.keys.digests.of(Phone.parse(phone))
    bureau.do(
        "SELECT citizens.note_unclaimed(id, %s, now()) FROM reports.report WHERE code = %s", digest, made.code
    )
    return made.code


@pytest.mark.parametrize(
    ("named", "verified", "bound", "standing", "ending"),
    [
        (None, None, None, PhoneStanding.NONE, None),
        (LAN, None, None, PhoneStanding.UNPROVEN, LAN[-3:]),
        (LAN, LAN, LAN, PhoneStanding.PROVEN, LAN[-3:]),
        (LAN, None, LAN, PhoneStanding.CONFIRMING, None),
        (LAN, LAN, NEW, PhoneStanding.CONFIRMING, None),
        # Changed on Keycloak's own page.
        (NEW, LAN, LAN, PhoneStanding.UNPROVEN, NEW[-3:]),
    ],
)
async def test_number_is_shown_as_it_stands(
    bureau: Bureau,
    named: str | None,
    verified: str | None,
    bound: str | None,
    standing: PhoneStanding,
    ending: str | None,
) -> None:
    if bound is not None:
        bureau.know("lan", bound)
    lan = await bureau.person(named=named, verified=verified)
    phone = (await bureau.citizens.accounts.account(lan)).phone
    assert (phone.standing, phone.ending) == (standing, ending)


async def test_number_that_waits_shows_when_it_moves(bureau: Bureau) -> None:
    bureau.know("hung", HUNG)
    lan = await bureau.person(named=HUNG)
    await bureau.proved(lan, HUNG)
    phone = (await bureau.citizens.accounts.account(lan)).phone
    assert (phone.standing, phone.ending) == (PhoneStanding.WAITING, HUNG[-3:])
    assert phone.moves_at == bureau.world.clock.now() + timedelta(days=14)


async def test_deletion_wants_the_second_factor(bureau: Bureau) -> None:
    with pytest.raises(Forbidden):
        await bureau.citizens.accounts.ask_deletion(await bureau.person(), key())
    assert bureau.rows("SELECT * FROM citizens.deletion") == []


async def test_deletion_is_taken_back_within_the_month(bureau: Bureau) -> None:
    lan, accounts = await bureau.person(acr="aal2"), bureau.citizens.accounts
    asked = await accounts.ask_deletion(lan, key())
    assert asked.due_at - asked.asked_at == MONTH
    bureau.world.clock.advance(MONTH - timedelta(seconds=1))
    assert (await accounts.ask_deletion(lan, key())).due_at == asked.due_at
    await accounts.keep_account(await bureau.person(), key())
    assert (await accounts.account(lan)).deletion is None
    bureau.world.clock.advance(MONTH)
    assert await bureau.upkeep.delete_due() == 0
    kinds = bureau.rows("SELECT kind FROM notifications.inbox ORDER BY at")
    assert kinds == [("account.deletion_asked",), ("account.deletion_taken_back",)]


async def test_deletion_is_not_taken_back_when_the_month_is_over(bureau: Bureau) -> None:
    lan = await bureau.person(acr="aal2")
    await bureau.citizens.accounts.ask_deletion(lan, key())
    bureau.world.clock.advance(MONTH)
    with pytest.raises(NoDeletion):
        await bureau.citizens.accounts.keep_account(lan, key())
    view = (await bureau.citizens.accounts.account(lan)).deletion
    assert view is not None
    assert view.final
    assert await bureau.upkeep.delete_due() == 1


async def test_nothing_to_take_back(bureau: Bureau) -> None:
    with pytest.raises(NoDeletion):
        await bureau.citizens.accounts.keep_account(await bureau.person(), key())


async def test_due_account_is_out_at_once_deleted_at_keycloak_and_forgotten_here(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    lan = await bureau.person(verified=LAN, acr="aal2")
    code = (await bureau.world.submitted(lan)).code
    await bureau.citizens.accounts.ask_deletion(lan, key())
    bureau.world.clock.advance(MONTH)
    assert (await bureau.upkeep.delete_due(), await bureau.upkeep.delete_due()) == (1, 0)
    with pytest.raises(AccountGone):
        await bureau.person()
    with pytest.raises(NoDeletion):
        await bureau.citizens.accounts.keep_account(lan, key())
    request = bureau.answer("citizen.delete")
    await bureau.upkeep.deletion_done(request)
    await bureau.upkeep.deletion_done(request)
    assert await bureau.upkeep.forget_deleted() == 0
    bureau.world.clock.advance(timedelta(minutes=10))
    assert (await bureau.upkeep.forget_deleted(), await bureau.upkeep.forget_deleted()) == (1, 0)
    assert bureau.rows("SELECT issuer FROM citizens.citizen WHERE id = %s", lan.citizen_id) == [
        ("urn:ioc:deleted",)
    ]
    assert bureau.bound("lan") is None
    for table in ("citizens.phone", "citizens.deletion", "notifications.inbox", "audit.pseudonym_key"):
        assert bureau.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert bureau.rows("SELECT count(*) FROM reports.report WHERE code = %s", code) == [(1,)]
    # Whoever comes back is a new person.
    assert (await bureau.person()).citizen_id != lan.citizen_id


async def test_deletion_that_keycloak_refused_is_asked_again(bureau: Bureau) -> None:
    lan = await bureau.person(acr="aal2")
    await bureau.citizens.accounts.ask_deletion(lan, key())
    bureau.world.clock.advance(MONTH)
    await bureau.upkeep.delete_due()
    await bureau.upkeep.deletion_done(bureau.answer("citizen.delete", code="directory.expired"))
    with pytest.raises(NoDeletion):
        await bureau.citizens.accounts.keep_account(lan, key())
    assert await bureau.upkeep.delete_due() == 1
    assert "account.delete.refused=allow" in bureau.events()


async def test_report_from_the_own_number_is_claimed_once(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    code = await unclaimed(bureau, LAN)
    lan = await bureau.person(verified=LAN)
    claimed = await bureau.citizens.accounts.claim_report(lan, code, key())
    assert (claimed.code, claimed.version) == (code, 2)
    mine = bureau.rows("SELECT citizen_id FROM reports.report WHERE code = %s", code)
    assert mine == [(lan.citizen_id,)]
    (entry,) = bureau.rows("SELECT kind, actor_id FROM reports.timeline WHERE version = 2")
    assert entry == ("claimed", lan.citizen_id)
    assert bureau.rows("SELECT count(*) FROM citizens.citizen WHERE issuer = 'urn:ioc:unclaimed'") == [(0,)]
    with pytest.raises(NotFound):
        await bureau.citizens.accounts.claim_report(lan, code, key())


async def test_report_of_another_number_and_one_of_nobody_are_equally_absent(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    bureau.know("hung", HUNG)
    code = await unclaimed(bureau, HUNG)
    lan = await bureau.person(verified=LAN)
    own = (await bureau.world.submitted(await bureau.world.citizen("hung"))).code
    work: list[list[str]] = []
    for wanted in (code, own, "0" * 16):
        async with bureau.statements() as seen:
            with pytest.raises(NotFound):
                await bureau.citizens.accounts.claim_report(lan, wanted, key())
        work.append(seen)
    assert work[0] == work[1] == work[2]
    assert bureau.rows("SELECT version FROM reports.report WHERE code = %s", code) == [(1,)]


async def test_files_of_before_the_claim_are_no_evidence_of_the_unit(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    code = await unclaimed(bureau, LAN)
    ((nobody,),) = bureau.rows("SELECT citizen_id FROM reports.report")
    show_evidence(bureau.database.settings(bureau.database.superuser), code, by=nobody)
    await bureau.citizens.accounts.claim_report(await bureau.person(verified=LAN), code, key())
    assert bureau.rows("SELECT media.has_evidence(id, '-infinity') FROM reports.report") == [(False,)]


async def test_claim_takes_a_number_that_is_proven_now(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    code = await unclaimed(bureau, LAN)
    with pytest.raises(PhoneUnproven):
        await bureau.citizens.accounts.claim_report(await bureau.person(named=NEW, verified=LAN), code, key())


async def test_report_that_has_an_owner_is_not_made_claimable(bureau: Bureau) -> None:
    bureau.know("lan", LAN)
    code = (await bureau.world.submitted(await bureau.world.citizen("hung"))).code
    digest = bureau.keys.digests.of(Phone.parse(LAN))
    bureau.do(
        "SELECT citizens.note_unclaimed(id, %s, now()) FROM reports.report WHERE code = %s", digest, code
    )
    with pytest.raises(NotFound):
        await bureau.citizens.accounts.claim_report(await bureau.person(verified=LAN), code, key())


async def test_what_is_no_code_is_refused(bureau: Bureau) -> None:
    with pytest.raises(InvalidInput):
        await bureau.citizens.accounts.claim_report(await bureau.person(), "'; DROP", key())
