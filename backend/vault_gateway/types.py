"""What comes back from the vault, as far as it concerns the backend."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """The headers `Vault-Authorization` and `Vault-DPoP` as they came: for the vault to read, not for us."""

    authorization: tuple[str, ...] = field(default=(), repr=False)
    proof: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Notes:
    """The keyset and its signer's certificate: signed notes that the app checks."""

    certificate: str
    keyset: str


NO_CREDENTIALS = Credentials()
