"""Classes of content, and a data key that was just made."""

from dataclasses import dataclass, field
from enum import IntEnum


class Class(IntEnum):
    """What a record is, by how it is guarded. The numbers stand in sealed octets for ever."""

    INTERNAL = 1
    """Office papers (công văn nội bộ)."""
    PERSONAL = 2
    """Petitions (đơn thư)."""
    PARTY = 3
    """Cadre files, inspection (hồ sơ cán bộ, kiểm tra)."""
    RESTRICTED = 4
    """A denouncer's identity, named files (danh tính người tố cáo)."""

    @property
    def transit_key(self) -> str:
        """The key at OpenBao that wraps this class's epoch keys."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class NewDataKey:
    """A record's key. Wipe `key` when the record is sealed (vault.keyring.memory); keep `wrapped` with it."""

    key: bytearray = field(repr=False)
    """32 octets, AES-256."""
    wrapped: bytes
