"""Registers (sổ danh mục) that administrators keep, and the history of what they changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Fields = Mapping[str, Any]
"""What a thing is, as JSON: texts, numbers, and objects of them. Its differences are told field by field."""


class Register(StrEnum):
    """What is kept. Each has an action of its own in the policies."""

    UNITS = "units"
    CATEGORIES = "categories"
    ROUTING = "routing"
    CALENDARS = "calendars"
    CHANNELS = "channels"
    DEADLINES = "deadlines"


class HistoryKind(StrEnum):
    """What has a history, by its code: unit code, category code, a set's number, calendar code, year."""

    UNIT = "unit"
    CATEGORY = "category"
    ROUTING_RULES = "routing_rules"
    CALENDAR = "calendar"
    HOLIDAY_YEAR = "holiday_year"
    CHANNEL = "channel"
    DEADLINE_RULES = "deadline_rules"


@dataclass(frozen=True, slots=True)
class Made:
    """What a change made of a thing. `before` None: it is new. `version` is the one after."""

    kind: HistoryKind
    code: str
    version: int
    before: Fields | None
    after: Fields


@dataclass(frozen=True, slots=True)
class Done:
    """What a change answers: the thing's code and its version after the change."""

    code: str
    version: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that changed; a value is JSON text, None when the field was or is not there."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change: who, in which unit, when, what."""

    version: int
    at: datetime
    action: str
    actor: str
    actor_unit: str
    differences: tuple[Difference, ...]
