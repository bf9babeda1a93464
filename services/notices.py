"""The ways by which notices go out, as far as the settings name them."""

from datetime import timedelta
from uuid import UUID

from backend.citizens.sms import HttpSmsGateway, SmsPort, SmsRefused, SmsUnavailable
from backend.notifications.letters import SmtpLetters
from backend.notifications.push import FcmPush, Outcome
from backend.notifications.sending import CLAIM, DeliveryService, Ways
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.phones import Phone, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.settings import WorkerSettings

# Without diacritics: a message is then 160 characters, not 70. No link, and nothing of what it is about.
TEXT = "iHanoi: ban co thong bao moi. Hay mo ung dung de xem. / You have a new notice: please open the app."


class NoticeSms:
    """The one text that is sent, by the gateway that citizens' codes go through."""

    def __init__(self, gateway: SmsPort) -> None:
        self._gateway = gateway

    async def __call__(self, to: Phone, reference: UUID) -> Outcome:
        """Hand a message over."""
        try:
            await self._gateway.send(to, TEXT, reference)
        except SmsUnavailable:
            return Outcome.LATER
        except SmsRefused:
            return Outcome.REFUSED
        return Outcome.SENT


def sending_of(
    settings: WorkerSettings, database: Database, policy: PolicyEngine, clock: Clock
) -> DeliveryService:
    """What sends notices."""
    claim = CLAIM if settings.push is None else timedelta(seconds=settings.push.claim_seconds)
    return DeliveryService(database, policy, clock, new_uuid, ways_of(settings, clock), claim)


def ways_of(settings: WorkerSettings, clock: Clock) -> Ways:
    """What this worker can send by."""
    return Ways(
        push=None if settings.push is None else FcmPush(settings.push, clock),
        sms=None if settings.sms is None else NoticeSms(HttpSmsGateway.of(settings.sms)),
        letters=None if settings.mail is None else SmtpLetters(settings.mail, clock),
        seal=None if settings.phones is None else PhoneSeal.from_file(settings.phones.seal_key_file),
    )
