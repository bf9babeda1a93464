"""Senders who abuse reports: blocked by a report for a time, told why, heard once, decided on by another."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.abuse.errors import (
    AppealedBefore,
    BlockedBefore,
    BlockOver,
    NoAppeal,
    NoSender,
    OwnBlock,
    SenderBlocked,
)
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.identity.principal import CitizenPrincipal
from foundation.paging import PageRequest
from foundation.recording import AuditEvent
from tests.backend.abuse.conftest import Rig
from tests.backend.world import HOAN_KIEM, NOON, key

PAGE = PageRequest(20)


async def may_send(rig: Rig, subject: str = "lan") -> bool:
    try:
        await rig.world.submitted(await rig.world.citizen(subject))
    except SenderBlocked:
        return False
    return True


async def test_blocked_sender_sends_nothing_until_the_term_is_over(rig: Rig) -> None:
    await rig.blocked(await rig.head(), days=30)
    during = (await may_send(rig), await may_send(rig, "hung"))
    rig.later(days=30, seconds=-1)
    at_last = await may_send(rig)
    rig.later(seconds=1)
    assert (during, at_last, await may_send(rig)) == ((False, True), False, True)


async def test_refusal_says_until_when(rig: Rig) -> None:
    await rig.blocked(await rig.operator(), days=1)
    with pytest.raises(SenderBlocked) as refused:
        await rig.world.submitted()
    assert refused.value.until == NOON + timedelta(days=1)
    assert "12:00 25/11/2026" in refused.value.message("vi")


async def test_refused_report_leaves_nothing_behind(rig: Rig) -> None:
    await rig.blocked(await rig.operator())
    before = rig.rows("SELECT count(*) FROM reports.report")
    assert not await may_send(rig)
    assert rig.rows("SELECT count(*) FROM reports.report") == before


async def test_all_else_goes_on_for_who_is_blocked(rig: Rig) -> None:
    lan = await rig.world.citizen()
    sent = await rig.world.submitted(lan)
    await rig.blocked(await rig.operator())
    changed = await rig.world.reports.take_back(lan, sent.code, sent.version, None, key())
    assert changed.state == "closed"


async def test_sender_is_told_which_report_why_and_by_which_unit(rig: Rig) -> None:
    await rig.blocked(await rig.head())
    (block,) = await rig.blocks.mine(await rig.world.citizen())
    assert (block.unit.code, block.reason, block.note) == (HOAN_KIEM, "insult", "Lời lẽ xúc phạm.")
    assert (block.blocked_at, block.until) == (NOON, NOON + timedelta(days=30))
    assert await rig.blocks.mine(await rig.world.citizen("hung")) == ()


async def test_nobody_learns_who_was_blocked(rig: Rig) -> None:
    await rig.blocked(await rig.operator())
    (block,) = (await rig.blocks.listed(await rig.operator(), PAGE)).items
    citizen = (await rig.world.citizen()).citizen_id
    assert str(citizen) not in repr(block)
    assert block.mine


async def test_handler_blocks_nobody(rig: Rig) -> None:
    report = (await rig.world.submitted()).code
    with pytest.raises(Forbidden):
        await rig.blocks.block(await rig.world.official("minh"), report, "insult", "Xúc phạm.", 30, key())


async def test_report_that_is_hidden_and_one_that_is_absent_answer_alike(rig: Rig) -> None:
    rig.give("dung", 3, "lead", "00376")
    dung = await rig.world.official("dung")
    for code in ((await rig.world.submitted()).code, "0" * 16):
        with pytest.raises(NotFound):
            await rig.blocks.block(dung, code, "insult", "Xúc phạm.", 30, key())


@pytest.mark.parametrize(
    ("reason", "note", "days"),
    [
        ("nonsense", "Xúc phạm.", 30),
        ("insult", "", 30),
        ("insult", "Xúc phạm.", 0),
        ("insult", "Xúc phạm.", 91),
        ("insult", "x" * 1001, 30),
    ],
)
async def test_what_is_out_of_limits_blocks_nobody(rig: Rig, reason: str, note: str, days: int) -> None:
    report = (await rig.world.submitted()).code
    with pytest.raises(InvalidInput):
        await rig.blocks.block(await rig.operator(), report, reason, note, days, key())
    assert await may_send(rig)


async def test_one_report_blocks_once(rig: Rig) -> None:
    report, quang = (await rig.world.submitted()).code, await rig.operator()
    once = key()
    first = await rig.blocks.block(quang, report, "insult", "Xúc phạm.", 1, once)
    repeated = await rig.blocks.block(quang, report, "insult", "Xúc phạm.", 1, once)
    rig.later(days=2)
    with pytest.raises(BlockedBefore):
        await rig.blocks.block(quang, report, "insult", "Xúc phạm.", 90, key())
    assert first == repeated
    assert await may_send(rig)


async def test_channels_report_has_nobody_to_block(rig: Rig) -> None:
    report = (await rig.world.submitted()).code
    rig.rows("UPDATE citizens.citizen SET issuer = 'urn:ioc:deleted', subject = id::text")
    with pytest.raises(NoSender):
        await rig.blocks.block(await rig.operator(), report, "insult", "Xúc phạm.", 30, key())


async def test_appeal_is_heard_once_and_lifts(rig: Rig) -> None:
    block = await rig.blocked(await rig.head())
    lan, quang = await rig.world.citizen(), await rig.operator()
    await rig.blocks.appeal(lan, block.code, "Tôi không viết điều đó.", key())
    with pytest.raises(AppealedBefore):
        await rig.blocks.appeal(lan, block.code, "Tôi nói lại.", key())
    waiting = (await rig.blocks.listed(quang, PAGE, waiting=True)).items
    await rig.blocks.decide(quang, block.code, True, "Đúng là nhầm.", key())
    (own,) = await rig.blocks.mine(lan)
    assert [each.appeal for each in waiting] == ["Tôi không viết điều đó."]
    assert (own.lifted, own.decision) == (True, "Đúng là nhầm.")
    assert (await rig.blocks.listed(quang, PAGE, waiting=True)).items == ()
    assert await may_send(rig)


async def test_who_blocked_does_not_decide_that_it_stays(rig: Rig) -> None:
    quang = await rig.operator()
    block = await rig.blocked(quang)
    await rig.blocks.appeal(await rig.world.citizen(), block.code, "Tôi không viết điều đó.", key())
    with pytest.raises(OwnBlock):
        await rig.blocks.decide(quang, block.code, False, "Giữ.", key())
    await rig.blocks.decide(await rig.another_operator(), block.code, False, "Giữ.", key())
    assert not await may_send(rig)
    with pytest.raises(BlockOver):
        await rig.blocks.decide(quang, block.code, True, "Thôi.", key())


async def test_who_blocked_may_give_in(rig: Rig) -> None:
    quang = await rig.operator()
    block = await rig.blocked(quang)
    await rig.blocks.decide(quang, block.code, True, "Tôi nhầm.", key())
    assert await may_send(rig)


async def test_without_an_appeal_nothing_is_kept(rig: Rig) -> None:
    block = await rig.blocked(await rig.operator())
    with pytest.raises(NoAppeal):
        await rig.blocks.decide(await rig.another_operator(), block.code, False, "Giữ.", key())


async def test_another_citizens_block_is_not_there(rig: Rig) -> None:
    block = await rig.blocked(await rig.operator())
    with pytest.raises(NotFound):
        await rig.blocks.appeal(await rig.world.citizen("hung"), block.code, "Tôi đây.", key())


async def test_block_that_is_over_is_not_appealed(rig: Rig) -> None:
    block = await rig.blocked(await rig.operator(), days=1)
    rig.later(days=1)
    with pytest.raises(BlockOver):
        await rig.blocks.appeal(await rig.world.citizen(), block.code, "Muộn rồi.", key())


async def test_head_of_a_unit_decides_nothing(rig: Rig) -> None:
    thao = await rig.head()
    block = await rig.blocked(thao)
    with pytest.raises(Forbidden):
        await rig.blocks.decide(thao, block.code, True, "Thôi.", key())
    with pytest.raises(Forbidden):
        await rig.blocks.listed(thao, PAGE)


async def test_database_asks_for_the_duty_too(rig: Rig) -> None:
    """As a stolen api would: the policy is not asked."""
    report = (await rig.world.submitted()).code
    ((report_id,),) = rig.rows("SELECT id FROM reports.report WHERE code = %s", report)
    minh = await rig.world.official("minh")
    asked = {"report": report_id, "until": NOON + timedelta(days=1), "now": NOON}
    statement = text(
        "SELECT abuse.block_sender(gen_random_uuid(), '0123456789ABCDEF', :report, 'insult', 'x', :until,"
        " :now)"
    )
    async with rig.world.database.unit_of_work(minh, AuditEvent("report.block_sender")) as work:
        with pytest.raises(DBAPIError, match="no duty there"):
            await work.connection.execute(statement, asked)


async def test_who_sends_while_being_blocked_is_in_or_refused_and_never_both(rig: Rig) -> None:
    quang, lan = await rig.operator(), await rig.world.citizen()
    report = (await rig.world.submitted(lan)).code

    async def send() -> bool:
        return await may_send(rig)

    sent, _, later = await asyncio.gather(
        send(), rig.blocks.block(quang, report, "insult", "Xúc phạm.", 30, key()), send()
    )
    ((count,),) = rig.rows("SELECT count(*) FROM reports.report")
    assert count == 1 + sent + later
    assert not await may_send(rig)


async def test_block_waits_for_who_is_sending(rig: Rig) -> None:
    """The order that `blocked_until` promises: what was let in is committed before the block is there."""
    lan: CitizenPrincipal = await rig.world.citizen()
    report, quang = (await rig.world.submitted(lan)).code, await rig.operator()
    async with rig.world.database.unit_of_work(lan, AuditEvent("report.submit")) as work:
        until = await work.connection.execute(text("SELECT abuse.blocked_until(now())"))
        blocking = asyncio.create_task(rig.blocks.block(quang, report, "insult", "Xúc phạm.", 30, key()))
        done, _ = await asyncio.wait([blocking], timeout=0.3)
        assert (until.scalar(), done) == (None, set())
    await blocking
    assert not await may_send(rig)


async def test_who_leaves_takes_the_words_along(rig: Rig) -> None:
    block = await rig.blocked(await rig.operator())
    await rig.blocks.appeal(await rig.world.citizen(), block.code, "Tôi không viết điều đó.", key())
    rig.rows("UPDATE citizens.citizen SET issuer = 'urn:ioc:deleted', subject = id::text")
    assert rig.rows("SELECT note, appeal, reason FROM abuse.block") == [(None, None, "insult")]


async def test_each_step_is_in_the_log(rig: Rig) -> None:
    block = await rig.blocked(await rig.operator())
    await rig.blocks.appeal(await rig.world.citizen(), block.code, "Tôi không viết điều đó.", key())
    await rig.blocks.decide(await rig.another_operator(), block.code, False, "Giữ.", key())
    found = rig.rows(
        "SELECT line::json -> 'unmapped' ->> 'action' FROM audit.event"
        " WHERE line::json -> 'unmapped' ->> 'action' ~ '^(abuse|report.block)' ORDER BY xid, id"
    )
    assert [row[0] for row in found] == ["report.block_sender", "abuse.appeal", "abuse.decide"]
