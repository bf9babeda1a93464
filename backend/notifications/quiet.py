"""Quiet hours: when a person is not to be woken, by the clock of Ha Noi."""

from datetime import datetime, time, timedelta

from foundation.clock import HANOI


def quiet_until(now: datetime, begin: time, end: time) -> datetime | None:
    """When the quiet hours that `now` lies in end; None outside them.

    `begin` belongs to them, `end` does not; `begin` after `end` means over midnight, both the same never.
    """
    local = now.astimezone(HANOI)
    clock = local.time()
    if begin == end:
        return None
    if begin < end:
        inside, days = begin <= clock < end, 0
    else:
        inside, days = clock >= begin or clock < end, int(clock >= begin)
    if not inside:
        return None
    return datetime.combine(local.date() + timedelta(days=days), end, HANOI)
