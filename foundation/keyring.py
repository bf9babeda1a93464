"""A key that is replaced while work goes on: the new one is accepted, then used; the old one stays accepted.

Beside the file of a key may lie `<file>.next` (accepted, not yet used: processes learn of it one by one) and
`<file>.old-<moment>` (accepted until it is removed). So nobody meets what only a key opens that he has not.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key in use, and those that are accepted beside it."""

    newest: bytes
    accepted: tuple[bytes, ...] = ()

    @property
    def all(self) -> tuple[bytes, ...]:
        """The one in use first."""
        return self.newest, *self.accepted

    @classmethod
    def read(cls, file: Path) -> "KeyRing":
        """From the files as they lie there. Raises OSError."""
        return cls(file.read_bytes(), tuple(other.read_bytes() for other in accepted_files(file)))


def accepted_files(file: Path) -> list[Path]:
    """What lies beside a key's file and is accepted, the newest first."""
    following = file.with_name(f"{file.name}.next")
    old = sorted(file.parent.glob(f"{file.name}.old-*"), reverse=True)
    return [*([following] if following.exists() else []), *old]
