"""Why a caller is not let in, as an HTTP answer: status, WWW-Authenticate, stable code, both languages.

RFC 6750, 3 (form), RFC 9449, 7.1 (DPoP), RFC 9470, 3 (step-up). Descriptions are constants of ours, so that
nothing a caller sent is echoed in a header.
"""

from typing import ClassVar

from foundation.errors import Refusal

ALGORITHMS = "ES256"


class IdentityRefusal(Refusal):
    """The caller is not let in. `missing` names what was wrong, for the developer of a client."""

    status: ClassVar[int] = 401
    error: ClassVar[str | None] = None
    missing: str | None = None

    @property
    def www_authenticate(self) -> str | None:
        """The challenge, or None where the answer carries none."""
        return _challenge(error=self.error, error_description=self.missing)


class Unauthenticated(IdentityRefusal):
    """No token was sent. RFC 6750, 3.1: then the challenge has no error."""

    code = "identity.unauthenticated"
    vi = "Bạn chưa đăng nhập. Hãy đăng nhập rồi thử lại."
    en = "You are not signed in. Please sign in and try again."


class MalformedRequest(IdentityRefusal):
    """Duplicate, oversized or unreadable credentials."""

    code = "identity.malformed_request"
    status = 400
    error = "invalid_request"
    vi = "Yêu cầu không đúng định dạng. Hãy cập nhật ứng dụng rồi thử lại."
    en = "The request is malformed. Please update the app and try again."

    def __init__(self, missing: str) -> None:
        super().__init__(missing=missing)
        self.missing = missing


class TokenInvalid(IdentityRefusal):
    """The access token is not one of ours for this service."""

    code = "identity.token_invalid"
    error = "invalid_token"
    vi = "Phiên đăng nhập không hợp lệ. Hãy đăng nhập lại."
    en = "The sign-in is not valid. Please sign in again."

    def __init__(self, missing: str) -> None:
        super().__init__(missing=missing)
        self.missing = missing


class TokenExpired(IdentityRefusal):
    """The access token has ended; a refresh gives another."""

    code = "identity.token_expired"
    error = "invalid_token"
    missing = "the access token has expired"
    vi = "Phiên làm việc đã hết hạn. Ứng dụng sẽ tự gia hạn; nếu không, hãy đăng nhập lại."
    en = "The access has expired. The app renews it by itself; if not, please sign in again."


class SessionEnded(IdentityRefusal):
    """Logged out, removed, disabled or revoked. Never lives again: sign in anew."""

    code = "identity.session_ended"
    error = "invalid_token"
    missing = "the session has ended"
    vi = "Phiên đăng nhập đã kết thúc. Hãy đăng nhập lại."
    en = "The session has ended. Please sign in again."


class DeviceBlocked(IdentityRefusal):
    """The device was reported lost: its key lets this person in no more, in no session, for ever."""

    code = "identity.device_blocked"
    error = "invalid_token"
    missing = "the key of this device is blocked"
    vi = "Thiết bị này đã được báo mất. Hãy tạo lại khóa thiết bị và đăng nhập lại."
    en = "This device was reported lost. Make a new device key and sign in again."


class ProofMissing(IdentityRefusal):
    """A token without the DPoP proof it is bound to."""

    code = "identity.proof_missing"
    error = "invalid_dpop_proof"
    missing = "the DPoP header is missing"
    vi = "Thiếu bằng chứng thiết bị. Hãy cập nhật ứng dụng rồi thử lại."
    en = "The proof of the device is missing. Please update the app and try again."


class ProofInvalid(IdentityRefusal):
    """The DPoP proof does not belong to this request, this token or this key."""

    code = "identity.proof_invalid"
    error = "invalid_dpop_proof"
    vi = "Bằng chứng thiết bị không hợp lệ. Hãy thử lại."
    en = "The proof of the device is not valid. Please try again."

    def __init__(self, missing: str) -> None:
        super().__init__(missing=missing)
        self.missing = missing


class ProofTooOld(IdentityRefusal):
    """`iat` is over 60 s off, or before what the replay table remembers. A new proof helps."""

    code = "identity.proof_too_old"
    error = "invalid_dpop_proof"
    missing = "iat is not within 60 seconds or precedes the memory of proofs"
    vi = "Đồng hồ thiết bị lệch quá 60 giây. Hãy chỉnh giờ tự động rồi thử lại."
    en = "The device's clock is more than 60 seconds off. Please set it automatically and try again."


class ProofReplayed(IdentityRefusal):
    """This proof was used before."""

    code = "identity.proof_replayed"
    error = "invalid_dpop_proof"
    missing = "jti has been used"
    vi = "Yêu cầu này đã được gửi trước đó. Hãy thử lại."
    en = "This request was sent before. Please try again."


class OrganisationMissing(IdentityRefusal):
    """An official's token that does not name exactly one working organisation."""

    code = "identity.organisation_missing"
    status = 403
    error = "insufficient_scope"
    missing = "exactly one organization is needed"
    vi = "Phiên đăng nhập chưa chọn đúng một đơn vị công tác. Hãy đăng nhập lại và chọn đơn vị."
    en = "The sign-in does not name exactly one working unit. Please sign in again and choose it."

    @property
    def www_authenticate(self) -> str:
        return _challenge(error=self.error, error_description=self.missing, scope="organization:u-<unit>")


class StepUpRequired(IdentityRefusal):
    """A stronger or fresher sign-in is needed (RFC 9470)."""

    code = "identity.step_up_required"
    error = "insufficient_user_authentication"
    vi = "Thao tác này cần xác thực lại ở mức cao hơn hoặc gần đây hơn."
    en = "This needs a stronger or a more recent sign-in."

    def __init__(self, acr_values: str, max_age: int | None) -> None:
        super().__init__(acrValues=acr_values, maxAge=max_age)
        self.acr_values = acr_values
        self.max_age = max_age
        self.missing = "a stronger or more recent sign-in is needed"

    @property
    def www_authenticate(self) -> str:
        age = None if self.max_age is None else str(self.max_age)
        return _challenge(
            error=self.error, error_description=self.missing, acr_values=self.acr_values, max_age=age
        )


class IdentityUnavailable(IdentityRefusal):
    """Keycloak can't be asked, and without its word nobody is let in."""

    code = "identity.unavailable"
    status = 503
    vi = "Dịch vụ xác thực đang gián đoạn. Hãy thử lại sau ít phút."
    en = "The sign-in service is interrupted. Please try again in a few minutes."

    @property
    def www_authenticate(self) -> None:
        return None


def _challenge(**parameters: str | None) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return "DPoP " + ", ".join(f'{name}="{value}"' for name, value in {**given, "algs": ALGORITHMS}.items())
