"""Why a request of the directory is refused for good, and what only delays it.

A refusal's code reaches the asking feature, the operator and the audit log; it names a rule, never a person.
"""

from foundation.errors import Refusal


class Refused(Refusal):
    """Nothing, or nothing more, is done for this request."""

    vi = "Yêu cầu quản trị tài khoản không được thực hiện."
    en = "This request to administer an account is not carried out."


class Forged(Refused):
    """Not signed by a process that may ask this, or the row says something else than what was signed."""

    code = "directory.forged"


class Replayed(Refused):
    """The request, or an officer's proof, was used for another one before."""

    code = "directory.replayed"


class Expired(Refused):
    """It waited longer than a request lives."""

    code = "directory.expired"


class AskingInvalid(Refused):
    """An officer's word is missing, is not the officer's, or says something else."""

    code = "directory.asking_invalid"


class AskerNotEntitled(Refused):
    """An officer who asks has no duty over the people of this unit, is the target, or asks twice."""

    code = "directory.asker_not_entitled"


class Protected(Refused):
    """Cleared people and machines: no program does this to their accounts."""

    code = "directory.protected"


class UnknownTarget(Refused):
    """There is no such official, citizen, unit or account."""

    code = "directory.unknown_target"


class NotNow(Refused):
    """Tenancy has moved on: the official's state no longer wants this."""

    code = "directory.not_now"


class Taken(Refused):
    """Somebody else's account has this name or address."""

    code = "directory.taken"


class Invalid(Refused):
    """Keycloak does not accept the values, or the parameters are not those of the operation."""

    code = "directory.invalid"


class NumberTooNew(Refused):
    """The account's number has been at Keycloak for less than the notice, or nobody knows since when."""

    code = "directory.number_too_new"


class GivenUp(Refused):
    """An operator gave it up."""

    code = "directory.given_up"


class Delayed(Exception):
    """Not now: tried again later. `fault` is a word for the operator."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault
