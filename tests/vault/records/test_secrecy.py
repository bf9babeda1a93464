"""What a file says is in no log, audit line, fault or refusal, and in no buffer that is left behind."""

import traceback
from typing import Any

import pytest

from foundation import logs
from tests.vault.records.office import HOAN_KIEM, Office, file
from vault.cadres.service import Cadres
from vault.call import answer
from vault.call.operations import Plain
from vault.records import service
from vault.records.envelope import RecordUnreadable

CANARY = "Canary4711"


async def _everything(office: Office) -> list[Any]:
    """Each operation once, good and bad, with the canary in what is sent."""
    kien = office.keeper()
    record = await office.kept(kien, name=f"Nguyễn {CANARY}", post=CANARY)
    whole = file(name=f"Trần {CANARY}")
    csv = f"code,fullName,gender\nHK-09,Lê {CANARY},{CANARY}\n"
    return [
        await office.ask(kien, "cadre.open", record=record),
        await office.ask(kien, "cadre.list"),
        await office.ask(kien, "cadre.find", name=CANARY),
        await office.ask(kien, "cadre.put", record=record, version=1, file=whole),
        await office.ask(kien, "cadre.put", record=record, version=1, file=whole),
        await office.ask(kien, "cadre.put", tenant=HOAN_KIEM, file={**whole, CANARY: CANARY}),
        await office.ask(kien, "cadre.put", tenant=HOAN_KIEM, file=file(gender=CANARY)),
        await office.ask(kien, "cadre.import", tenant=HOAN_KIEM, csv=csv, dryRun=True),
        await office.ask(office.person("colleague"), "cadre.open", record=record),
    ]


async def test_canary_is_in_no_log_and_no_audit_line_and_no_refusal(
    office: Office, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    logs.configure("vault")
    caplog.set_level(0)
    said = await _everything(office)
    printed = capsys.readouterr()
    assert CANARY in str(said[0])
    assert CANARY not in printed.out + printed.err + caplog.text
    assert CANARY not in str(office.rig.events())
    assert CANARY not in str([one for one in said if "problem" in one])
    assert CANARY not in str(said[7])


async def test_canary_lies_in_no_row(office: Office) -> None:
    await _everything(office)
    tables = office.rows(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname IN ('records', 'calls', 'audit')"
    )
    assert len(tables) > 5
    sought = CANARY.encode().hex()
    for (table,) in tables:
        assert office.rows(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, '{CANARY}') > 0") == [(0,)]
        assert office.rows(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, '{sought}') > 0") == [(0,)]


async def test_fault_over_content_says_nothing_of_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    kien = office.keeper()
    content = f'{{"code":"x","identity":{{"gender":"{CANARY}"}}}}'.encode()
    monkeypatch.setattr(Cadres, "_written", lambda *_: bytearray(content))
    await office.kept(kien)
    with pytest.raises(RecordUnreadable) as fault:
        await office.ask(kien, "cadre.list")
    assert CANARY not in "".join(traceback.format_exception(fault.value))


async def test_changed_octets_of_a_record_open_nothing(office: Office) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    with office.rig.vault.cluster.connect(office.rig.vault.name) as superuser:
        superuser.execute(
            "UPDATE records.version SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)"
        )
    with pytest.raises(RecordUnreadable):
        await office.ask(kien, "cadre.open", record=record)


async def test_content_is_wiped_once_it_is_sealed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    kien = office.keeper()
    record = await office.kept(kien)
    opened, sealing = list[bytearray](), list[bytes]()
    unseal, seal = service.envelope.unseal, answer.seal

    def note(*arguments: Any) -> bytearray:
        opened.append(unseal(*arguments))
        return opened[-1]

    def watch(*arguments: Any) -> bytes:
        sealing.append(bytes(opened[-1]))
        return seal(*arguments)

    monkeypatch.setattr(service.envelope, "unseal", note)
    monkeypatch.setattr(answer, "seal", watch)
    assert (await office.ask(kien, "cadre.open", record=record))["result"]["file"] == file()
    assert b"HK-0001" in sealing[0]
    assert opened[0] == bytearray(len(opened[0]))


async def test_answer_that_is_too_large_is_wiped_too(office: Office) -> None:
    parts = (bytearray(b"x" * 300_000),)
    with pytest.raises(ValueError, match="more than an answer carries"):
        answer.seal(b"k" * 32, b"d" * 32, b"r" * 32, *parts)
    Plain(parts).wipe()
    assert parts[0] == bytearray(300_000)
