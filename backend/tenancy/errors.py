"""Refusals of tenancy."""

from foundation.errors import Refusal


class NoDutyHere(Refusal):
    """The token is right, but tenancy knows no such official or no such working unit."""

    code = "tenancy.no_duty"
    vi = "Tài khoản chưa được phân công tại đơn vị này. Hãy liên hệ quản trị đơn vị."
    en = "This account has no duty at this unit. Please ask the unit's administrator."
