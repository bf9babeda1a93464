"""Citizens' accounts put together, for the api and for the worker."""

import secrets
from pathlib import Path
from uuid import UUID

from backend.citizens.accounts import AccountService
from backend.citizens.keys import PhoneKeys, new_code
from backend.citizens.limits import CodeLimits
from backend.citizens.messages import Outbox
from backend.citizens.phones import PhoneService
from backend.citizens.recoveries import RecoveryService
from backend.citizens.sms import HttpSmsGateway
from backend.citizens.upkeep import CitizenUpkeep
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.directory_queue import DirectoryQueue
from foundation.ids import new_uuid
from foundation.limits.limiter import Limiter
from foundation.phones import PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.settings import PhoneSettings, WorkerSettings
from graphql_schema.citizen_services import Citizens
from services.limits import DatabasePool

_NOWHERE = Path("/nonexistent")


def citizens_of(
    database: Database,
    policy: PolicyEngine,
    clock: Clock,
    keys: PhoneKeys,
    settings: PhoneSettings | None,
    directory: DirectoryQueue | None,
) -> Citizens:
    """What resolvers of accounts call."""
    # Without files the keys are the process's own; the rest of the settings has its defaults.
    given = settings or PhoneSettings(digest_key_file=_NOWHERE, seal_key_file=_NOWHERE)
    limits = CodeLimits(given.limits, Limiter(DatabasePool(database)))
    outbox = Outbox(keys.seal, new_uuid)
    return Citizens(
        accounts=AccountService(
            database=database, policy=policy, keys=keys, clock=clock, new_id=new_uuid, settings=given
        ),
        phones=PhoneService(
            database=database,
            policy=policy,
            keys=keys,
            limits=limits,
            outbox=outbox,
            directory=directory,
            clock=clock,
            new_id=new_uuid,
            new_code=new_code,
            settings=given,
        ),
        recoveries=RecoveryService(
            database=database,
            policy=policy,
            keys=keys,
            limits=limits,
            outbox=outbox,
            directory=directory,
            clock=clock,
            new_random_id=random_id,
            new_code=new_code,
        ),
    )


def random_id() -> UUID:
    """An id that people see: it tells no moment and no order."""
    return UUID(bytes=secrets.token_bytes(16), version=4)


def upkeep_of(
    settings: WorkerSettings,
    database: Database,
    policy: PolicyEngine,
    directory: DirectoryQueue,
    clock: Clock,
) -> CitizenUpkeep | None:
    """What the worker does for citizens' accounts; None when it has neither their keys nor a gateway."""
    if settings.phones is None or settings.sms is None or settings.recovery_seal_key_file is None:
        return None
    keys = PhoneKeys.of(settings.phones)
    return CitizenUpkeep(
        database=database,
        policy=policy,
        keys=keys,
        recovery_seal=PhoneSeal.from_file(settings.recovery_seal_key_file),
        outbox=Outbox(keys.seal, new_uuid),
        directory=directory,
        gateway=HttpSmsGateway.of(settings.sms),
        clock=clock,
        new_id=new_uuid,
    )
