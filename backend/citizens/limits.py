"""How many messages with codes: each costs money, reaches somebody's pocket, and is one more guess."""

from backend.citizens.errors import SendLater
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.limits.limiter import Limit, Limiter
from foundation.limits.refusals import TooManyRequests
from foundation.settings import Rate, SmsLimits


class CodeLimits:
    """One number, one person, one network, everybody. All are asked before anything is looked up."""

    def __init__(self, settings: SmsLimits, limiter: Limiter) -> None:
        spacing = Rate(amount=1, seconds=settings.spacing_seconds)
        self.spacing_seconds = settings.spacing_seconds
        self._limiter = limiter
        self._person = (Limit("sms_person_spacing", spacing), Limit("sms_person", settings.person))
        self._number = (Limit("sms_number_spacing", spacing), Limit("sms_number", settings.number))
        self._network = Limit("sms_network", settings.network)
        self._everybody = Limit("sms_everybody", settings.everybody)

    async def take(self, principal: CitizenPrincipal | OfficialPrincipal, digest: bytes) -> None:
        """One more message to the number of `digest`, whoever has it. Raises SendLater, LimitsUnavailable."""
        person = f"{principal.session.iss}\n{principal.session.sub}"
        asked = [
            *((limit, person) for limit in self._person),
            *((limit, digest.hex()) for limit in self._number),
            (self._network, principal.origin.network),
            (self._everybody, "all"),
        ]
        try:
            for limit, subject in asked:
                await self._limiter.take(limit, subject)
        except TooManyRequests as refusal:
            raise SendLater(refusal.retry_after) from refusal
