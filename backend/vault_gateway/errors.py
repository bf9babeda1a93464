"""What the vault says before a request opens, passed on: five codes, nothing else of its answer."""

from typing import ClassVar

from foundation.errors import Refusal


class VaultRefused(Refusal):
    """The call was not opened. Unproven: whoever stands between may have said it."""

    code: ClassVar[str]

    def __init__(self, nonce: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(nonce=nonce, retry_after=retry_after)
        self.nonce = nonce
        self.retry_after = retry_after


class UseNonce(VaultRefused):
    """A proof with the vault's nonce is wanted."""

    code = "vault.use_nonce"
    vi = "Cần mã dùng một lần mới của kho dữ liệu. Ứng dụng sẽ tự thử lại."
    en = "A new nonce of the vault is needed. The app tries again by itself."


class UnknownKey(VaultRefused):
    """None of the vault's keys opens it."""

    code = "vault.unknown_key"
    vi = "Khóa của kho dữ liệu đã thay đổi. Ứng dụng sẽ tải khóa mới và thử lại."
    en = "The vault's key has changed. The app fetches the new one and tries again."


class VaultUnauthenticated(VaultRefused):
    """The vault's token or proof is not good."""

    code = "vault.unauthenticated"
    vi = "Phiên đăng nhập không dùng được với kho dữ liệu. Hãy đăng nhập lại."
    en = "The sign-in is not good for the vault. Please sign in again."


class VaultTooLarge(VaultRefused):
    """More octets than a call carries."""

    code = "vault.too_large"
    vi = "Yêu cầu gửi kho dữ liệu quá lớn."
    en = "The request to the vault is too large."


class VaultUnavailable(VaultRefused):
    """The vault is away, too slow, or answered what no vault answers."""

    code = "vault.unavailable"
    vi = "Kho dữ liệu tạm thời không phục vụ. Hãy thử lại sau."
    en = "The vault is not available at the moment. Please try again later."


BY_CODE: dict[str, type[VaultRefused]] = {
    kind.code: kind for kind in (UseNonce, UnknownKey, VaultUnauthenticated, VaultTooLarge, VaultUnavailable)
}
