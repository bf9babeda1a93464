"""What is said while Keycloak's events can't be read, and to who was reset. After opening, and so sealed."""

from foundation.errors import Refusal


class VaultBlind(Refusal):
    """Keycloak's events were not read for too long: nobody knows whose credentials were reset since."""

    code = "vault.blind"
    vi = "Kho dữ liệu tạm thời không kiểm tra được tài khoản. Hãy thử lại sau."
    en = "The vault can't check accounts at the moment. Please try again later."


class AccessSuspended(Refusal):
    """This person's credentials were reset at Keycloak after the last enrolment."""

    code = "vault.access_suspended"
    vi = "Tài khoản vừa được đặt lại thông tin đăng nhập. Hãy làm lại thủ tục ghi danh thiết bị."
    en = "The sign-in of this account was reset. Please repeat the enrolment of your device."
