"""Cadre files through the door: kept sealed, opened by those who may, and hidden alike from all others."""

import secrets
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event

from tests.vault.parts import NOW, Device
from tests.vault.records.doubles import Enrolled
from tests.vault.records.office import CONSTRUCTION, HOAN_KIEM, Office, file, record_of

_BACKWARDS = {"since": "2010", "until": "2009", "organisation": "x", "post": "y"}
NOT_FOUND = {"problem": {"code": "common.not_found"}}


async def test_file_is_kept_sealed_and_opened_by_its_keeper(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    said = await office.ask(kien, "cadre.open", record=record)
    result = said["result"]
    assert (result["file"], result["version"], result["tenant"]) == (file(), 1, HOAN_KIEM)
    assert office.rows("SELECT count(*) FROM records.version WHERE strpos(sealed::text, 'HK-0001') > 0") == [
        (0,)
    ]
    assert office.actions() == [("cadre.put", "allow", None), ("cadre.open", "allow", None)]
    line = office.rig.events()[-1]
    assert line["unmapped"]["resource"] == f"cadre:{record}"
    assert (line["unmapped"]["unit"], line["unmapped"]["policies"]) == (HOAN_KIEM, ["cadre-keeper"])


async def test_leader_reads_and_changes_nothing(office: Office) -> None:
    record = await office.kept(office.keeper())
    mai = office.reader()
    assert (await office.ask(mai, "cadre.open", record=record))["result"]["file"] == file()
    assert await office.ask(mai, "cadre.put", record=record, version=1, file=file()) == NOT_FOUND
    assert await office.ask(mai, "cadre.delete", record=record, version=1) == NOT_FOUND
    refused = await office.ask(mai, "cadre.put", tenant=HOAN_KIEM, file=file())
    assert refused == {"problem": {"code": "common.forbidden"}}


async def _worked(office: Office, device: Device, record: str) -> tuple[list[str], bytes]:
    """The statements of an opening and the octets of its answer."""
    engine, statements = office.rig.database.engine.sync_engine, list[str]()

    def note(_connection, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    call, proof = office.rig.sealed(
        device,
        f"w{next(office.numbers)}",
        {"operation": "cadre.open", "parameters": {"record": record}},
    )
    try:
        return statements, await office.rig.pass_on(device, call.frame, proof)
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_none_and_not_allowed_are_one_answer_for_the_same_work(office: Office) -> None:
    kien = office.keeper()
    there = await office.kept(kien)
    own = await office.kept(kien, code="HK-0002")
    office.register.files["kien"] = record_of(own)
    colleague = office.person("colleague")
    unknown = str(uuid4())
    for device, record in ((colleague, there), (kien, own)):
        assert await office.ask(device, "cadre.open", record=record) == NOT_FOUND
        assert await office.ask(device, "cadre.open", record=unknown) == NOT_FOUND
        (hidden, hidden_octets), (absent, absent_octets) = (
            await _worked(office, device, record),
            await _worked(office, device, unknown),
        )
        assert hidden == absent
        assert len(hidden_octets) == len(absent_octets)
    assert set(office.actions()[2:]) == {("cadre.open", "deny", "common.not_found")}


async def test_own_file_and_those_of_superiors_open_for_nobody_below(office: Office) -> None:
    kien, mai = office.keeper(), office.reader()
    of_kien, of_mai = await office.kept(kien), await office.kept(kien, code="HK-0002")
    office.register.files |= {"kien": record_of(of_kien), "mai": record_of(of_mai)}
    office.register.superiors["kien"] = frozenset({"mai"})
    for operation in ("cadre.open", "cadre.history"):
        assert await office.ask(kien, operation, record=of_kien) == NOT_FOUND
        assert await office.ask(kien, operation, record=of_mai) == NOT_FOUND
        assert await office.ask(mai, operation, record=of_mai) == NOT_FOUND
        assert (await office.ask(mai, operation, record=of_kien)).keys() == {"result"}
    assert await office.ask(kien, "cadre.delete", record=of_mai, version=1) == NOT_FOUND


async def test_another_units_file_is_not_there(office: Office) -> None:
    record = await office.kept(office.keeper())
    assert await office.ask(office.keeper("dung", CONSTRUCTION), "cadre.open", record=record) == NOT_FOUND


@pytest.mark.parametrize(
    ("session", "code", "needed"),
    [
        ({"acr": "aal2"}, True, {"acrValues": "aal3", "maxAge": 900}),
        ({"amr": ("pwd", "otp")}, True, {"acrValues": "aal3", "maxAge": 900}),
        ({"auth_time": NOW - timedelta(minutes=15, seconds=1)}, True, {"acrValues": "aal3", "maxAge": 900}),
        ({}, False, {"factor": "code"}),
        ({"acr": "aal2"}, False, {"acrValues": "aal3", "maxAge": 900, "factor": "code"}),
    ],
)
async def test_what_is_missing_is_asked_for_at_once(
    office: Office, session: dict, code: bool, needed: dict
) -> None:
    record = await office.kept(office.keeper())
    mai = office.reader()
    office.signed_in(mai, **session)
    office.factor.given = code
    for asked in (record, str(uuid4())):
        said = await office.ask(mai, "cadre.open", record=asked)
        assert said == {"problem": {"code": "vault.step_up_required", **needed}}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (None, "vault.device_not_enrolled"),
        ({"person": "somebody-else"}, "vault.device_not_enrolled"),
        ({"native": False}, "vault.device_not_enrolled"),
        ({"usable_from": NOW + timedelta(seconds=1)}, "vault.device_waits"),
    ],
)
async def test_device_that_is_not_usable_opens_nothing(
    office: Office, change: dict | None, code: str
) -> None:
    record = await office.kept(office.keeper())
    mai = office.reader()
    jkt = mai.key.thumbprint()
    if change is None:
        del office.register.devices[jkt]
    else:
        office.register.devices[jkt] = Enrolled(**{"jkt": jkt, "person": "mai", **change})
    assert (await office.ask(mai, "cadre.open", record=record))["problem"]["code"] == code


async def test_person_whose_credentials_were_reset_opens_nothing(office: Office) -> None:
    record = await office.kept(office.keeper())
    mai = office.reader()
    office.watch.resets.add("mai")
    assert (await office.ask(mai, "cadre.open", record=record))["problem"][
        "code"
    ] == "vault.device_not_enrolled"


async def test_clearance_taken_after_the_decision_opens_nothing(office: Office) -> None:
    record = await office.kept(office.keeper())
    mai = office.reader()

    def taken() -> None:
        office.register.clearances["mai"] = ()
        office.bump()

    office.register.meanwhile = [taken]
    assert await office.ask(mai, "cadre.open", record=record) == NOT_FOUND


async def test_register_that_changes_again_and_again_is_a_refusal(office: Office) -> None:
    record = await office.kept(office.keeper())
    mai = office.reader()
    office.register.meanwhile = [office.bump] * 3
    said = await office.ask(mai, "cadre.open", record=record)
    assert said == {"problem": {"code": "records.changed_meanwhile"}}


async def test_version_written_meanwhile_is_decided_again_and_opened(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    office.register.meanwhile = [office.bump]
    said = await office.ask(office.reader(), "cadre.open", record=record)
    assert said["result"]["file"] == file()


async def test_next_version_wants_the_one_before(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    said = await office.ask(kien, "cadre.put", record=record, version=1, file=file(post="Chủ tịch"))
    assert said == {"result": {"record": record, "version": 2}}
    again = await office.ask(kien, "cadre.put", record=record, version=1, file=file(post="Bí thư"))
    assert again == {"problem": {"code": "common.version_conflict", "current": 2}}
    opened = await office.ask(kien, "cadre.open", record=record)
    assert (opened["result"]["version"], opened["result"]["file"]["identity"]["post"]) == (2, "Chủ tịch")
    history = (await office.ask(kien, "cadre.history", record=record))["result"]["versions"]
    assert [(one["version"], one["by"]) for one in history] == [(2, "kien"), (1, "kien")]


async def test_deleted_file_is_gone_with_its_key(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    assert await office.ask(kien, "cadre.delete", record=record, version=1) == {
        "result": {"record": record, "deleted": True}
    }
    assert await office.ask(kien, "cadre.open", record=record) == NOT_FOUND
    assert office.rows("SELECT wrapped, deleted_at IS NULL FROM records.record") == [(None, False)]
    assert office.rows("SELECT count(*) FROM records.version") == [(0,)]


async def test_file_that_the_law_keeps_is_not_deleted(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    office.rig.clock.at = NOW + timedelta(days=31)
    office.signed_in(kien, auth_time=office.rig.clock.at)
    said = await office.ask(kien, "cadre.delete", record=record, version=1)
    assert said == {"problem": {"code": "records.retained", "until": "2096-11-27"}}


async def test_repeated_write_is_one_write_with_one_result(office: Office) -> None:
    kien, operation_id = office.keeper(), secrets.token_bytes(16)
    first = await office.again(kien, operation_id, "cadre.put", tenant=HOAN_KIEM, file=file())
    second = await office.again(kien, operation_id, "cadre.put", tenant=HOAN_KIEM, file=file())
    assert first == second
    assert office.rows("SELECT count(*) FROM records.record") == [(1,)]
    other = await office.again(kien, operation_id, "cadre.put", tenant=HOAN_KIEM, file=file("HK-0002"))
    assert other == {"problem": {"code": "idempotency.mismatch"}}
    deletion = await office.again(
        kien, operation_id, "cadre.delete", record=first["result"]["record"], version=1
    )
    assert deletion == {"problem": {"code": "idempotency.mismatch"}}


async def test_operation_id_of_another_is_nobodys_result(office: Office) -> None:
    kien, other, operation_id = office.keeper(), office.keeper("nam"), secrets.token_bytes(16)
    first = await office.again(kien, operation_id, "cadre.put", tenant=HOAN_KIEM, file=file())
    second = await office.again(other, operation_id, "cadre.put", tenant=HOAN_KIEM, file=file())
    assert first["result"]["record"] != second["result"]["record"]


async def test_keys_that_are_away_leave_nothing_half_written(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    office.keys.away = True
    said = await office.ask(kien, "cadre.put", tenant=HOAN_KIEM, file=file())
    assert said == {"problem": {"code": "vault.keyring_unavailable"}}
    assert office.rows("SELECT count(*) FROM records.record") == [(1,)]
    said = await office.ask(kien, "cadre.open", record=record)
    assert said == {"problem": {"code": "vault.keyring_unavailable"}}
    assert office.actions()[-2:] == [
        ("cadre.open", "allow", None),
        ("cadre.open", "deny", "vault.keyring_unavailable"),
    ]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"file": file(), "tenant": "nowhere"}, "tenant"),
        ({"file": file(gender="other"), "tenant": HOAN_KIEM}, "file.identity.gender"),
        ({"file": file(nickname="x"), "tenant": HOAN_KIEM}, "file.identity"),
        ({"file": file(gender="female"), "tenant": HOAN_KIEM}, "file.identity.citizenId"),
        ({"file": file(citizenId="001079123456"), "tenant": HOAN_KIEM}, "file.identity.citizenId"),
        ({"file": file(birthDate="2024-02-30"), "tenant": HOAN_KIEM}, "file.identity.birthDate"),
        ({"file": file(partyJoined="2001-05", partyOfficial="2000"), "tenant": HOAN_KIEM},
         "file.identity.partyOfficial"),
        ({"file": {**file(), "career": [_BACKWARDS]},
          "tenant": HOAN_KIEM}, "file.career[0].since"),
        ({"file": file()}, "parameters"),
        ({"file": file(), "tenant": HOAN_KIEM, "version": 1}, "parameters"),
    ],
)  # fmt: skip
async def test_what_is_no_file_is_refused_by_the_field(office: Office, parameters: dict, field: str) -> None:
    said = await office.ask(office.keeper(), "cadre.put", **parameters)
    assert said == {"problem": {"code": "common.invalid_input", "field": field}}


async def test_record_that_is_set_back_to_an_older_version_opens_no_more(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    await office.ask(kien, "cadre.put", record=record, version=1, file=file(name="Nguyễn Văn Bình"))
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        superuser.execute("UPDATE records.record SET version = 1")
    opened = await office.ask(kien, "cadre.open", record=record)
    listed = await office.ask(kien, "cadre.list")
    written = await office.ask(kien, "cadre.put", record=record, version=1, file=file())
    assert (opened, written, listed["result"]["files"]) == (NOT_FOUND, NOT_FOUND, [])


async def test_log_names_what_was_written_and_what_was_read(office: Office) -> None:
    """So it contradicts who takes the newer versions away as well."""
    kien = office.keeper()
    record = await office.kept(kien)
    await office.ask(kien, "cadre.put", record=record, version=1, file=file(name="Nguyễn Văn Bình"))
    await office.ask(kien, "cadre.open", record=record)
    rows = office.rows("SELECT encode(sha256(sealed), 'hex') FROM records.version ORDER BY version")
    first, second = (f"sealed:{digest}" for (digest,) in rows)
    named = [
        (line["unmapped"]["action"], [one["uid"] for one in line["resources"]])
        for line in office.rig.events()
    ]
    assert named == [
        ("cadre.put", [f"cadre:{record}", first]),
        ("cadre.put", [f"cadre:{record}", second]),
        ("cadre.open", [f"cadre:{record}", second]),
    ]
