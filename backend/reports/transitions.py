"""Which step leads from which state to which. Data: the tests and the apps read the same table."""

from backend.reports.errors import IllegalTransition
from backend.reports.types import ReportState, ReportStep

_OPEN = frozenset(ReportState) - {ReportState.CLOSED, ReportState.MERGED}

TRANSITIONS: dict[ReportStep, dict[ReportState, ReportState]] = {
    ReportStep.ACCEPTED: {ReportState.RECEIVED: ReportState.IN_PROGRESS},
    ReportStep.FORWARDED: {
        ReportState.RECEIVED: ReportState.RECEIVED,
        ReportState.IN_PROGRESS: ReportState.RECEIVED,
    },
    ReportStep.ASKED: {ReportState.IN_PROGRESS: ReportState.AWAITING_CITIZEN},
    ReportStep.REPLIED: {ReportState.AWAITING_CITIZEN: ReportState.IN_PROGRESS},
    ReportStep.ANSWERED: {ReportState.IN_PROGRESS: ReportState.ANSWERED},
    ReportStep.CLOSED: {
        ReportState.IN_PROGRESS: ReportState.CLOSED,
        ReportState.AWAITING_CITIZEN: ReportState.CLOSED,
        ReportState.ANSWERED: ReportState.CLOSED,
    },
    # What the citizen tells later changes nothing of the work's state.
    ReportStep.ADDED: {state: state for state in _OPEN},
    ReportStep.WITHDRAWN: dict.fromkeys(_OPEN, ReportState.CLOSED),
    # A merged report is rated for what the other one was closed with (backend/reports/joined.py).
    ReportStep.RATED: {ReportState.CLOSED: ReportState.CLOSED, ReportState.MERGED: ReportState.MERGED},
    # To the unit that closed it, as a new one: it is received again, within its time.
    ReportStep.REOPENED: {
        ReportState.CLOSED: ReportState.RECEIVED,
        ReportState.MERGED: ReportState.RECEIVED,
    },
    # Taken apart it is where it was, which its timeline says.
    ReportStep.MERGED: dict.fromkeys(_OPEN, ReportState.MERGED),
}


def after(state: ReportState, step: ReportStep) -> ReportState:
    """The state after `step`. Raises IllegalTransition."""
    try:
        return TRANSITIONS[step][state]
    except KeyError:
        raise IllegalTransition(state, step) from None
