"""Refusals of calendars."""

from foundation.errors import Refusal


class HoursOverlap(Refusal):
    """Two intervals of a day overlap."""

    code = "deadlines.hours_overlap"
    vi = "Giờ làm việc ngày thứ {weekday} trong tuần bị chồng nhau. Hãy sửa lại."
    en = "The working hours of weekday {weekday} overlap. Please correct them."

    def __init__(self, weekday: int) -> None:
        super().__init__(weekday=weekday)
        self.weekday = weekday
