"""What the statistics feature hands out: typed, frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from backend.reports.types import ReportState, UnitRef

DONE = frozenset({ReportState.CLOSED, ReportState.MERGED})
"""States in which nothing is left to be done with a report by itself."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days in Ha Noi, both included."""

    from_day: date
    until_day: date


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose figures: of these units (None: all that the official has), of a category, over a period."""

    period: Period
    units: tuple[str, ...] | None = None
    below: bool = True
    """With everything below each unit."""
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened within a period. `received` counts where a report lies now, by the day of its making."""

    received: int = 0
    closed: int = 0
    on_time: int = 0
    late: int = 0
    ratings: int = 0
    rating_sum: int = 0

    @property
    def on_time_rate(self) -> float | None:
        """From 0 to 1; None when no deadline ended within the period."""
        ended = self.on_time + self.late
        return self.on_time / ended if ended else None

    @property
    def satisfaction(self) -> float | None:
        """The mean of the ratings, 1 to 5; None without any."""
        return self.rating_sum / self.ratings if self.ratings else None


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """One category (lĩnh vực): what is open now, this period, and the one before it of the same length."""

    category: str
    open: int
    now: Tally
    before: Tally


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day of the period."""

    day: date
    tally: Tally


@dataclass(frozen=True, slots=True)
class Figures:
    """An official's view. `standing` is of this moment, whatever the period."""

    period: Period
    before_period: Period
    standing: Mapping[ReportState, int]
    now: Tally
    before: Tally
    categories: tuple[CategoryFigures, ...]
    days: tuple[DayFigures, ...]
    """Every day of the period, in order."""

    @property
    def open(self) -> int:
        """What is worked on at this moment: neither closed nor merged into another."""
        return sum(number for state, number in self.standing.items() if state not in DONE)


@dataclass(frozen=True, slots=True)
class UnitFigures:
    """One unit alone, without what lies below it."""

    unit: UnitRef
    open: int
    now: Tally


@dataclass(frozen=True, slots=True)
class UnitFiguresPage:
    """Units in alphabetical order; `keys` are their positions."""

    items: tuple[UnitFigures, ...]
    keys: tuple[tuple[str, int], ...]
    has_next: bool


@dataclass(frozen=True, slots=True)
class PublicCategory:
    """A category as anybody sees it; numbers are rounded to 5."""

    code: str
    name_vi: str
    name_en: str
    reports: int
    before: int


@dataclass(frozen=True, slots=True)
class PublicWard:
    """A ward or commune, or the city for what could only be told of all of it."""

    unit: UnitRef
    reports: int
    before: int


@dataclass(frozen=True, slots=True)
class PublicPlace:
    """The centre of an H3 cell within a ward; `resolution` 9, or coarser where fewer reported."""

    ward_code: str
    cell: int
    resolution: int
    latitude: float
    longitude: float
    reports: int
    before: int


@dataclass(frozen=True, slots=True)
class PublicUnit:
    """How a unit keeps its deadlines (in steps of 5 %) and is rated (in steps of 0.5); None: too few."""

    unit: UnitRef
    on_time_percent: int | None
    deadlines: int
    satisfaction: float | None
    ratings: int


@dataclass(frozen=True, slots=True)
class PublicFigures:
    """One hour's edition. Most reports first."""

    made_at: datetime
    categories: tuple[PublicCategory, ...]
    wards: tuple[PublicWard, ...]
    places: tuple[PublicPlace, ...]
    units: tuple[PublicUnit, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole answer as it was made; `digest` is the SHA-256 of its octets."""

    octets: bytes
    digest: str
