"""Contacts: sealed, opened by who handles the report, after the event that says so."""

import pytest

from backend.contacts.errors import ContactUnavailable, NoContact
from backend.contacts.types import Contact, Given, NameShown, Purpose
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound
from foundation.idempotency import Idempotency
from foundation.recording import AuditEvent
from foundation.sealing.bao import NotOpened, SealingUnavailable
from tests.backend.contacts.conftest import Rig
from tests.backend.world import CONSTRUCTION, key

NAME, PHONE, EMAIL = "Nguyễn Thị Lan", "0912 345 678", "lan@vidu.example"
E164 = "+84912345678"


async def given(rig: Rig, shown: NameShown = NameShown.HANDLER) -> str:
    """A report of Lan's with a contact."""
    lan = await rig.world.citizen()
    code = (await rig.world.submitted(lan)).code
    await rig.service.give(lan, code, NAME, PHONE, EMAIL, shown, key())
    return code


async def test_handler_opens_what_the_citizen_left_and_the_event_says_why(rig: Rig) -> None:
    code, minh = await given(rig), await rig.world.official("minh")
    found = await rig.service.open(minh, code, Purpose.LEGAL_REQUEST, "128/UBND-VP")
    assert found == Contact(NAME, E164, EMAIL)
    assert rig.events(code) == [
        ("report.give_contact", None, None),
        ("report.open_contact", "legal_request", "128/UBND-VP"),
    ]
    assert rig.rows("SELECT official_id, purpose, case_number FROM contacts.opening") == [
        (minh.official_id, "legal_request", "128/UBND-VP")
    ]


@pytest.mark.parametrize(
    ("given_case", "case"),
    [("12/QĐ-UBND", "12/QD-UBND"), ("999999/2026/UBND-VPHC-P3", "999999/2026/UBND-VPHC-P3")],
)
async def test_number_of_any_document_can_be_written_to_the_log(rig: Rig, given_case: str, case: str) -> None:
    code, minh = await given(rig), await rig.world.official("minh")
    await rig.service.open(minh, code, Purpose.LEGAL_REQUEST, given_case)
    assert rig.events(code)[-1] == ("report.open_contact", "legal_request", case)


async def test_each_opening_is_a_reading_of_its_own(rig: Rig) -> None:
    code, minh = await given(rig), await rig.world.official("minh")
    for _ in range(2):
        await rig.service.open(minh, code, Purpose.CALL_BACK, None)
    assert len(rig.events(code)) == 3
    assert rig.rows("SELECT count(*) FROM contacts.opening") == [(2,)]


async def test_name_hidden_from_everybody_is_not_kept(rig: Rig) -> None:
    code, minh = await given(rig, NameShown.NOBODY), await rig.world.official("minh")
    found = await rig.service.open(minh, code, Purpose.CALL_BACK, None)
    assert found == Contact(None, E164, EMAIL)


async def test_database_and_log_hold_nothing_readable(rig: Rig) -> None:
    code, minh = await given(rig), await rig.world.official("minh")
    await rig.service.open(minh, code, Purpose.VISIT, None)
    ((kept,),) = rig.rows("SELECT c::text FROM contacts.contact c")
    lines = "".join(row[0] for row in rig.rows("SELECT line FROM audit.event"))
    answers = "".join(row[0] for row in rig.rows("SELECT i::text FROM platform.idempotency i"))
    for word in (NAME, "Lan", E164, "912345678", EMAIL):
        assert word not in kept + lines + answers
        assert word.encode().hex() not in kept
    assert NAME not in repr(Contact(NAME, E164, EMAIL))


async def test_contact_given_again_takes_the_place_and_is_taken_away(rig: Rig) -> None:
    lan, minh = await rig.world.citizen(), await rig.world.official("minh")
    code = await given(rig)
    again = await rig.service.give(lan, code, None, None, "moi@vidu.example", NameShown.HANDLER, key())
    assert again == Given(code, 2, kept=True)
    found = await rig.service.open(minh, code, Purpose.CALL_BACK, None)
    assert found == Contact(email="moi@vidu.example")
    assert await rig.service.remove(lan, code, key()) == Given(code, 2, kept=False)
    with pytest.raises(NoContact):
        await rig.service.open(minh, code, Purpose.CALL_BACK, None)
    with pytest.raises(NoContact):
        await rig.service.remove(lan, code, key())


async def test_same_key_has_one_effect_and_another_body_is_refused(rig: Rig) -> None:
    lan = await rig.world.citizen()
    code = (await rig.world.submitted(lan)).code
    once = key()
    for _ in range(2):
        done = await rig.service.give(lan, code, NAME, None, None, NameShown.HANDLER, once)
        assert done == Given(code, 1, kept=True)
    other = Idempotency(once.key, b"\x02" * 32)
    with pytest.raises(IdempotencyMismatch):
        await rig.service.give(lan, code, NAME, PHONE, None, NameShown.HANDLER, other)


async def test_another_citizen_finds_no_report(rig: Rig) -> None:
    code, hung = await given(rig), await rig.world.citizen("hung")
    with pytest.raises(NotFound):
        await rig.service.give(hung, code, NAME, None, None, NameShown.HANDLER, key())
    with pytest.raises(NotFound):
        await rig.service.remove(hung, code, key())


async def test_officer_of_another_unit_finds_no_report(rig: Rig) -> None:
    code, dung = await given(rig), await rig.world.official("dung")
    with pytest.raises(NotFound):
        await rig.service.open(dung, code, Purpose.CALL_BACK, None)


async def test_operator_of_the_city_who_sees_the_report_does_not_open_it(rig: Rig) -> None:
    code, quang = await given(rig), await rig.world.official("quang")
    with pytest.raises(Forbidden):
        await rig.service.open(quang, code, Purpose.EMERGENCY, None)
    assert rig.rows("SELECT count(*) FROM contacts.opening") == [(0,)]


async def test_unit_that_has_forwarded_the_report_does_not_open_it_any_more(rig: Rig) -> None:
    code, minh, ha = await given(rig), await rig.world.official("minh"), await rig.world.official("ha")
    await rig.world.reports.forward(minh, code, 1, CONSTRUCTION, "Thuộc Sở Xây dựng.", key())
    with pytest.raises(Forbidden):
        await rig.service.open(minh, code, Purpose.CALL_BACK, None)
    assert (await rig.service.open(ha, code, Purpose.CALL_BACK, None)).phone == E164


async def test_database_itself_shows_the_row_to_the_handling_unit_and_the_citizen_alone(rig: Rig) -> None:
    # The operator's units are all: for him the policy is the only wall.
    code, minh = await given(rig), await rig.world.official("minh")
    await rig.world.reports.forward(minh, code, 1, CONSTRUCTION, "Thuộc Sở Xây dựng.", key())
    seen = {}
    people = [await rig.world.official(name) for name in ("minh", "ha", "quang", "dung")]
    people_and_lan = [*people, await rig.world.citizen()]
    for who, name in zip(people_and_lan, ("minh", "ha", "quang", "dung", "lan"), strict=True):
        async with rig.world.database.read_scope(who, AuditEvent("report.read")) as scope:
            seen[name] = len(await scope.rows("SELECT 1 FROM contacts.contact LIMIT $1", 9))
    assert seen == {"minh": 0, "ha": 1, "quang": 1, "dung": 0, "lan": 1}


async def test_sealed_row_moved_to_another_report_does_not_open(rig: Rig) -> None:
    code, minh = await given(rig), await rig.world.official("minh")
    other = await given(rig)
    rig.rows(
        "UPDATE contacts.contact c SET wrapped = o.wrapped, body = o.body FROM contacts.contact o,"
        " reports.report a, reports.report b WHERE a.id = c.report_id AND b.id = o.report_id"
        " AND a.code = %s AND b.code = %s",
        other,
        code,
    )
    with pytest.raises(NotOpened):
        await rig.service.open(minh, other, Purpose.CALL_BACK, None)


class Away:
    """OpenBao does not answer."""

    async def encrypt(self, items: object) -> list[str]:
        raise SealingUnavailable("away")

    async def decrypt(self, items: object) -> list[bytes]:
        raise SealingUnavailable("away")


@pytest.mark.parametrize("keys", [Away(), None])
async def test_without_openbao_nothing_is_kept_and_reports_go_on(rig: Rig, keys: Away | None) -> None:
    lan = await rig.world.citizen()
    code = (await rig.world.submitted(lan)).code
    with pytest.raises(ContactUnavailable):
        await rig.with_keys(keys).give(lan, code, NAME, None, None, NameShown.HANDLER, key())
    assert rig.rows("SELECT count(*) FROM contacts.contact") == [(0,)]


async def test_event_is_there_before_anything_is_decrypted(rig: Rig) -> None:
    code, minh = await given(rig), await rig.world.official("minh")
    with pytest.raises(ContactUnavailable):
        await rig.with_keys(Away()).open(minh, code, Purpose.CALL_BACK, None)
    assert rig.events(code)[-1] == ("report.open_contact", "call_back", None)
    # A refusal is an event of the same name; this stands only when the reading was committed.
    assert rig.rows("SELECT purpose FROM contacts.opening") == [("call_back",)]


@pytest.mark.parametrize(
    ("purpose", "case"),
    [
        (Purpose.LEGAL_REQUEST, None),
        (Purpose.CALL_BACK, "0912345678"),
        (Purpose.CALL_BACK, "Lan"),
        (Purpose.CALL_BACK, ""),
        (Purpose.CALL_BACK, "128/UBND-VP\n"),
        (Purpose.CALL_BACK, "128/UBND&VP"),
    ],
)
async def test_case_number_that_is_none_is_refused(rig: Rig, purpose: Purpose, case: str | None) -> None:
    code, minh = await given(rig), await rig.world.official("minh")
    with pytest.raises(InvalidInput):
        await rig.service.open(minh, code, purpose, case)
    assert rig.rows("SELECT count(*) FROM contacts.opening") == [(0,)]


@pytest.mark.parametrize(
    ("name", "phone", "email"),
    [
        (None, None, None),
        ("", None, None),
        ("Lan\u202e", None, None),
        ("x" * 121, None, None),
        (None, "113", None),
        (None, "1900 1234", None),
        (None, None, "lan"),
        (None, None, "lan@vidu.example\n"),
        (None, None, f"lan@{'x.' * 200}vn"),
    ],
)
async def test_contact_that_is_none_is_refused(
    rig: Rig, name: str | None, phone: str | None, email: str | None
) -> None:
    lan = await rig.world.citizen()
    code = (await rig.world.submitted(lan)).code
    with pytest.raises(InvalidInput):
        await rig.service.give(lan, code, name, phone, email, NameShown.HANDLER, key())


async def test_contact_goes_with_the_account(rig: Rig) -> None:
    await given(rig)
    lan = await rig.world.citizen()
    rig.rows(
        "INSERT INTO citizens.deletion (citizen_id, asked_at, due_at, state, deleted_at)"
        " VALUES (%s, now(), now(), 'deleted', now())",
        lan.citizen_id,
    )
    rig.rows("SELECT citizens.forget(%s, %s)", lan.citizen_id, lan.citizen_id)
    assert rig.rows("SELECT count(*) FROM contacts.contact") == [(0,)]
