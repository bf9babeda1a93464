"""When something is said of a running clock, and to whom. Pure.

Stages: 1 and 2 are warnings (when 75 % of the time is used, when one working hour is left, the earlier
first); 3: it ran out, the unit's head is told; 4: it still runs when the rule's `escalate` has passed: the
city is told.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from backend.deadlines.clocks import Reckoned

USED = 0.75
LAST = timedelta(hours=1)


class Stage(IntEnum):
    """What has been said last."""

    NOTHING = 0
    WARNED = 1
    WARNED_AGAIN = 2
    LATE = 3
    CITY = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """When each stage comes: four moments in order, the first for `Stage.WARNED`."""

    moments: tuple[datetime, ...]

    def reached(self, now: datetime) -> Stage:
        """The last stage whose moment has come."""
        return Stage(sum(moment <= now for moment in self.moments))

    def next_after(self, stage: Stage) -> datetime | None:
        """When the next one comes; None after the last."""
        return None if stage is Stage.CITY else self.moments[stage]


def plan_of(clock: Reckoned) -> Plan:
    """The stages of a clock, as it stands now."""
    calendar = clock.terms.calendar
    warnings = [
        max(calendar.back(clock.due_at, left, clock.without), clock.started_at)
        for left in (clock.allowed * (1 - USED), min(LAST, clock.allowed))
    ]
    after = clock.terms.amount(clock.terms.rule.escalate, clock.due_at)
    return Plan((*sorted(warnings), clock.due_at, calendar.add(clock.due_at, after)))


def to_say(said: Stage, reached: Stage) -> tuple[Stage, ...]:
    """What is to be said now. A warning that was overtaken is left out; what went up the ladder is not."""
    new = [stage for stage in Stage if said < stage <= reached]
    escalations = tuple(stage for stage in new if stage >= Stage.LATE)
    return escalations or tuple(new[-1:])
