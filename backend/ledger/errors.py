"""Refusals of the access ledger."""

from foundation.errors import Refusal


class SecondOperatorNeeded(Refusal):
    """Who ordered a delay does not confirm it."""

    code = "ledger.second_operator"
    vi = "Người khác phải xác nhận việc hoãn hiển thị này."
    en = "Somebody else has to confirm this delay."


class OwnUnit(Refusal):
    """Nobody delays what the own unit opens."""

    code = "ledger.own_unit"
    vi = "Không thể hoãn hiển thị việc truy cập của chính đơn vị mình."
    en = "What your own unit opens can't be delayed by you."


class DelayOver(Refusal):
    """The delay is confirmed, lifted or over."""

    code = "ledger.delay_over"
    vi = "Việc hoãn này đã được xác nhận, đã dừng hoặc đã hết hạn."
    en = "This delay is confirmed, lifted or over already."
