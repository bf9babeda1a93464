"""Whether each file of the contract's vectors is named in the Go module that reads them. Needs no Go."""

import re
import sys
from pathlib import Path

from stack.home import ROOT

VECTORS = ROOT / "mobile_contract" / "vectors"
READERS = VECTORS / "go" / "readers_test.go"
_NAMED = re.compile(r'^\t"([^"]+\.json)":', re.MULTILINE)


def named(source: str) -> set[str]:
    """The files that `readers_test.go` names: with a reader, or as not read yet."""
    return set(_NAMED.findall(source))


def without_reader(folder: Path, known: set[str]) -> list[str]:
    """Files of vectors that are not among `known`."""
    there = (str(file.relative_to(folder)) for file in folder.rglob("*.json"))
    return sorted(set(there) - known)


def main() -> None:
    """Exit code 1 and the list when there are some."""
    found = without_reader(VECTORS, named(READERS.read_text(encoding="utf-8")))
    if found:
        shown = READERS.relative_to(ROOT)
        sys.exit(
            f"{', '.join(found)}: write a reader and name it in {shown}, or name the file in `unread` there"
        )


if __name__ == "__main__":
    main()
