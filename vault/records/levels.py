"""What a class wants of a sign-in, before anything is decided (formats.md, the table of classes)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from foundation.identity import step_up
from foundation.identity.challenges import StepUpRequired
from foundation.identity.principal import VerifiedSession
from vault.keyring.types import Class
from vault.records.errors import StepUpNeeded


@dataclass(frozen=True, slots=True)
class Level:
    """The least level and the greatest age of a sign-in, and whether a code must count."""

    acr: str
    age: timedelta
    code: bool


LEVELS = {
    Class.INTERNAL: Level("aal2", timedelta(hours=10), code=False),
    Class.PERSONAL: Level("aal2", timedelta(hours=1), code=True),
    Class.PARTY: Level("aal3", timedelta(minutes=15), code=True),
    Class.RESTRICTED: Level("aal3", timedelta(minutes=5), code=True),
}


def require(session: VerifiedSession, class_: Class, now: datetime, *, code_counts: bool) -> None:
    """Raise StepUpNeeded with all that is missing at once, so that an app asks a person once."""
    level = LEVELS[class_]
    weak = False
    try:
        step_up.require(session, acr=level.acr, max_age=level.age, now=now)
    except StepUpRequired:
        weak = True
    codeless = level.code and not code_counts
    if weak or codeless:
        raise StepUpNeeded(level.acr, int(level.age.total_seconds()), sign_in=weak, factor=codeless)
