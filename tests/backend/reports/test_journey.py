"""One report from the citizen to the ward and back."""

from backend.reports.types import ClosingReason, ReportState, ReportStep
from foundation.paging import PageRequest
from tests.backend.world import HOAN_KIEM, World, change_ids, key, show_evidence
from tests.conftest import Database


async def test_report_goes_from_citizen_to_ward_and_back(world: World, database: Database) -> None:
    citizen, officer = await world.citizen(), await world.official("minh")
    code = (await world.submitted(citizen)).code
    await world.reports.accept(officer, code, 1, key())
    await world.reports.ask(officer, code, 2, "Cột đèn số mấy?", key())
    await world.reports.reply(citizen, code, 3, "Cột số 7.", key())
    await world.reports.answer(officer, code, 4, "Đã thay bóng đèn.", key())
    show_evidence(database.settings(database.superuser), code)
    closed = await world.reports.close(officer, code, 5, ClosingReason.RESOLVED, None, None, key())
    assert (closed.version, closed.state) == (6, ReportState.CLOSED)
    seen = await world.queries.one(citizen, code)
    assert (seen.handler.code, seen.answer, seen.routing_reason) == (
        HOAN_KIEM,
        "Đã thay bóng đèn.",
        "ward-handles",
    )
    timeline = await world.queries.timeline(citizen, code)
    assert [entry.step for entry in timeline] == [
        ReportStep.SUBMITTED,
        ReportStep.ACCEPTED,
        ReportStep.ASKED,
        ReportStep.REPLIED,
        ReportStep.ANSWERED,
        ReportStep.CLOSED,
    ]
    for change in change_ids(database.settings(database.superuser)):
        await world.notifications.deliver(world.system(), change)
    inbox = await world.inboxes.inbox(citizen, PageRequest(10))
    assert sorted(item.kind for item in inbox.items) == [
        "report.accepted",
        "report.answered",
        "report.asked",
        "report.closed",
    ]
