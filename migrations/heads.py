"""The newest revision of a database, by the chain: numbers in names need not rise along it."""

import re
from pathlib import Path

_FOLLOWS = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


def head_of(database: Path) -> str:
    """The one revision in `database`/versions that no other follows. Raises ValueError when there are two."""
    files = sorted((database / "versions").glob("[0-9]*.py"))
    followed = {match[1] for file in files if (match := _FOLLOWS.search(file.read_text(encoding="utf-8")))}
    (newest,) = {file.stem for file in files} - followed
    return newest
