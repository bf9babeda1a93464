"""The level and age of a sign-in that an operation states (formats.md, step-up; RFC 9470).

`acr` never ages at Keycloak: freshness is now - auth_time, which a step-up moves forward.
"""

from datetime import datetime, timedelta

from foundation.identity.challenges import StepUpRequired
from foundation.identity.principal import VerifiedSession

LEVELS = {"aal1": 1, "aal2": 2, "aal3": 3}
PASSKEY = "hwk"


def require(session: VerifiedSession, *, acr: str, max_age: timedelta | None, now: datetime) -> None:
    """Raise StepUpRequired unless the sign-in has at least the level `acr` and at most the age `max_age`.

    Raises KeyError for a level that does not exist: a misspelt requirement is a fault, not a refusal.
    """
    too_weak = LEVELS[session.acr] < LEVELS[acr]
    # The claim says aal3 whenever the level was asked for; only a passkey gives it.
    too_weak = too_weak or (acr == "aal3" and PASSKEY not in session.amr)
    # Whole seconds, as Keycloak counts: else it would find a sign-in young enough that is too old here.
    age = now.replace(microsecond=0) - session.auth_time
    too_old = max_age is not None and age > max_age
    if too_weak or too_old:
        raise StepUpRequired(acr, None if max_age is None else int(max_age.total_seconds()))
