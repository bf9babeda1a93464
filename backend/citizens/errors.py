"""Refusals of citizens' accounts."""

from foundation.errors import Refusal


class PhoneUnproven(Refusal):
    """The account has no proven number, or its number was changed at Keycloak and not proven again."""

    code = "citizens.phone_unproven"
    vi = "Tài khoản chưa xác minh số điện thoại. Hãy xác minh số trong mục Tài khoản rồi gửi lại."
    en = "The phone number of this account is not proven. Please prove it under Account, then send again."


class PhoneBound(Refusal):
    """The account has another proven number: that takes a change, which needs the second factor."""

    code = "citizens.phone_bound"
    vi = "Tài khoản đã có số điện thoại khác. Hãy dùng chức năng Đổi số điện thoại."
    en = "This account has another phone number. Please use the change of phone number."


class WrongCode(Refusal):
    """No such code: mistyped, too old, used up, or never sent. All the same answer."""

    code = "citizens.wrong_code"
    vi = "Mã không đúng hoặc đã hết hạn. Hãy kiểm tra tin nhắn mới nhất hoặc yêu cầu mã khác."
    en = "The code is wrong or too old. Please look at the newest message, or ask for another code."


class SendLater(Refusal):
    """Too many messages: to this number, by this person, from this network, or in all."""

    code = "citizens.send_later"
    vi = "Chưa thể gửi thêm tin nhắn. Hãy thử lại sau {seconds} giây."
    en = "No further message can be sent yet. Please try again in {seconds} seconds."

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds=seconds)
        self.seconds = seconds


class NoDeletion(Refusal):
    """There is nothing to take back."""

    code = "citizens.no_deletion"
    vi = "Không có yêu cầu xóa tài khoản nào để rút lại."
    en = "There is no request for deletion to take back."


class AccountGone(Refusal):
    """The account is deleted, or being deleted: its tokens are good for nothing."""

    code = "citizens.account_gone"
    vi = "Tài khoản này đã được xóa theo yêu cầu."
    en = "This account was deleted on request."
