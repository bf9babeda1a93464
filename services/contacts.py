"""Contacts put together: OpenBao's transit, envelopes, the service, the probe."""

import secrets

from backend.contacts.service import PURPOSE, ContactService
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.health import Probe, Unready
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.sealing.bao import SealingUnavailable
from foundation.sealing.envelope import Envelopes
from foundation.sealing.transit import Transit


def contacts_of(
    database: Database, policy: PolicyEngine, clock: Clock, transit: Transit | None
) -> ContactService:
    """What resolvers call."""
    envelopes = None if transit is None else Envelopes(transit, PURPOSE, secrets.token_bytes)
    return ContactService(database=database, policy=policy, envelopes=envelopes, clock=clock, new_id=new_uuid)


def sealing(transit: Transit) -> Probe:
    """OpenBao lets us in. Without it everything works but giving and opening contacts."""

    async def probe() -> None:
        try:
            await transit.check()
        except SealingUnavailable as error:
            raise Unready("openbao") from error

    return probe
