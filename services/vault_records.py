"""What the vault offers on records: cadre files, on its keyring, register, second factor and watch."""

import secrets
from collections.abc import Mapping

from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.settings import VaultSettings
from vault.authority.register import Register
from vault.cadres.operations import operations_of
from vault.cadres.service import CADRE, Cadres
from vault.call.operations import Operation
from vault.credentials.watch import CredentialWatch
from vault.keyring.service import Keyring
from vault.records.gate import Gate
from vault.records.results import Results
from vault.records.service import Records
from vault.second_factor.service import SecondFactor


def record_operations(
    settings: VaultSettings,
    database: Database,
    keyring: Keyring,
    register: Register,
    factor: SecondFactor,
    credentials: CredentialWatch,
) -> Mapping[str, Operation]:
    """All of them, by name."""
    records = Records(
        kind=CADRE,
        gate=Gate(register, factor, credentials, native_alone=True),
        policies=PolicyEngine.load(settings.policies_folder),
        keys=keyring,
        results=Results(keyring),
        database=database,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
    )
    return operations_of(Cadres(records))
