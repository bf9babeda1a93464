"""What is said before a request opens. Unsealed and so unproven: an app only renews and tries again."""

from typing import ClassVar

from foundation.errors import Refusal


class VaultRefusal(Refusal):
    """The call went no further than its outside. `status` is the HTTP status between vault and backend."""

    status: ClassVar[int]


class UseNonce(VaultRefusal):
    """The proof names none of the vault's present nonces."""

    code = "vault.use_nonce"
    status = 401
    vi = "Cần mã dùng một lần mới của kho dữ liệu. Ứng dụng sẽ tự thử lại."
    en = "A new nonce of the vault is needed. The app tries again by itself."


class UnknownKey(VaultRefusal):
    """No key of the vault's opens this: another version, suite or key, or other octets than were sealed."""

    code = "vault.unknown_key"
    status = 400
    vi = "Khóa của kho dữ liệu đã thay đổi. Ứng dụng sẽ tải khóa mới và thử lại."
    en = "The vault's key has changed. The app fetches the new one and tries again."


class Unauthenticated(VaultRefusal):
    """Token, session or proof is not good for this request."""

    code = "vault.unauthenticated"
    status = 401
    vi = "Phiên đăng nhập không dùng được với kho dữ liệu. Hãy đăng nhập lại."
    en = "The sign-in is not good for the vault. Please sign in again."


class TooLarge(VaultRefusal):
    """More octets than a call carries."""

    code = "vault.too_large"
    status = 413
    vi = "Yêu cầu gửi kho dữ liệu quá lớn."
    en = "The request to the vault is too large."


class Unavailable(VaultRefusal):
    """The vault, or what it needs, is away: nothing is opened meanwhile."""

    code = "vault.unavailable"
    status = 503
    vi = "Kho dữ liệu tạm thời không phục vụ. Hãy thử lại sau."
    en = "The vault is not available at the moment. Please try again later."


BEFORE_OPENING: dict[str, type[VaultRefusal]] = {
    kind.code: kind for kind in (UseNonce, UnknownKey, Unauthenticated, TooLarge, Unavailable)
}
"""All of them, by code."""


class AnswerNotGenuine(Exception):
    """For the client: what came back is no answer of the vault's to this request. Do nothing by it."""
