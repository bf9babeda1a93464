"""Refusals around blocks of senders."""

from datetime import datetime

from foundation.clock import HANOI
from foundation.errors import Refusal


class SenderBlocked(Refusal):
    """The citizen may send no new reports for now. Everything else goes on."""

    code = "abuse.sender_blocked"
    vi = "Bạn chưa thể gửi phản ánh mới đến {until}. Xem lý do và khiếu nại trong mục Tài khoản."
    en = "You can't send new reports until {until}. See why, and appeal, under Account."

    def __init__(self, until: datetime) -> None:
        super().__init__(until=until.astimezone(HANOI).strftime("%H:%M %d/%m/%Y"))
        self.until = until


class NoSender(Refusal):
    """A channel brought the report, or who sent it has left."""

    code = "abuse.no_sender"
    vi = "Phản ánh này không có người gửi để chặn."
    en = "There is nobody to block behind this report."


class BlockedBefore(Refusal):
    """For this report its sender was blocked before."""

    code = "abuse.blocked_before"
    vi = "Người gửi phản ánh này đã từng bị chặn vì chính phản ánh này."
    en = "The sender was blocked for this report before."


class AppealedBefore(Refusal):
    """One appeal a block."""

    code = "abuse.appealed_before"
    vi = "Bạn đã khiếu nại lần chặn này."
    en = "You have appealed against this block already."


class BlockOver(Refusal):
    """It has ended, or was decided."""

    code = "abuse.block_over"
    vi = "Lần chặn này đã hết hạn hoặc đã được quyết định."
    en = "This block has ended or is decided already."


class OwnBlock(Refusal):
    """Who blocked may give in, and does not decide that it stays."""

    code = "abuse.own_block"
    vi = "Người khác phải quyết định giữ lần chặn này."
    en = "Somebody else has to decide that this block stays."


class NoAppeal(Refusal):
    """Nobody has appealed: there is nothing to be kept."""

    code = "abuse.no_appeal"
    vi = "Chưa có khiếu nại về lần chặn này."
    en = "Nobody has appealed against this block."
