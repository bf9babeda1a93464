"""Reads the SOC's file and says what it proves: duplicates are dropped, gaps and conflicts named.

Key of a line is (log_name, sequence). Same key and same bytes: a duplicate, expected after a broken
connection. Same key and other bytes: a conflict, an alarm. Not JSON: a torn remnant, whose resend follows. A
missing tail can't be seen here; only a checkpoint tells the size.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson


class LogIncomplete(Exception):
    """The file has gaps or conflicts, or holds a log out of order."""


@dataclass(slots=True)
class LogFindings:
    """What the file holds of one log."""

    lines: dict[int, bytes] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: list[int] = field(default_factory=list)
    out_of_order: list[int] = field(default_factory=list)
    """Sequences that came for the first time after a higher one."""
    highest: int = -1

    @property
    def size(self) -> int:
        """One more than the highest sequence."""
        return self.highest + 1

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """Missing ranges [from, to)."""
        found, expected = [], 0
        for sequence in sorted(self.lines):
            if sequence > expected:
                found.append((expected, sequence))
            expected = sequence + 1
        return found

    def add(self, sequence: int, line: bytes) -> None:
        """Take one line."""
        known = self.lines.get(sequence)
        if known is None:
            self.lines[sequence] = line
            if sequence < self.highest:
                self.out_of_order.append(sequence)
            self.highest = max(self.highest, sequence)
        elif known == line:
            self.duplicates += 1
        else:
            self.conflicts.append(sequence)


@dataclass(slots=True)
class Findings:
    """What the file holds."""

    logs: dict[str, LogFindings] = field(default_factory=dict)
    torn: int = 0
    foreign: int = 0
    """JSON that is no line of a log of ours."""

    def require_complete(self) -> None:
        """Raise LogIncomplete, naming every gap, conflict and line out of order."""
        faults = [
            f"{name}: {what} {value}"
            for name, found in self.logs.items()
            for what, value in (
                ("gaps", found.gaps),
                ("conflicts", found.conflicts),
                ("out of order", found.out_of_order),
            )
            if value
        ]
        if self.foreign:
            faults.append(f"{self.foreign} foreign lines")
        if faults:
            raise LogIncomplete("; ".join(faults))


def check(lines: Iterable[bytes]) -> Findings:
    """Read lines, with or without their line ends."""
    findings = Findings()
    for raw in lines:
        line = raw.rstrip(b"\n")
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            findings.torn += 1
            continue
        try:
            name, sequence = value["metadata"]["log_name"], value["metadata"]["sequence"]
        except (KeyError, TypeError):
            findings.foreign += 1
            continue
        if type(sequence) is not int or sequence < 0 or type(name) is not str:
            findings.foreign += 1
            continue
        findings.logs.setdefault(name, LogFindings()).add(sequence, line)
    return findings


def check_file(path: Path) -> Findings:
    """Read the SOC's file. One that is not there yet holds nothing."""
    if not path.exists():
        return Findings()
    with path.open("rb") as file:
        return check(file)
