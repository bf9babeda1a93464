"""A file's end, and what is added to it."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_INTERVAL = 0.3


def last_lines(file: Path, count: int, follow: bool) -> Iterator[str]:
    """The last `count` lines; with `follow` then each new whole line, for ever."""
    with file.open(encoding="utf-8", errors="replace") as stream:
        yield from (line.rstrip("\n") for line in deque(stream, maxlen=count))
        rest = ""
        while follow:
            piece = stream.readline()
            if not piece:
                time.sleep(_INTERVAL)
                continue
            rest += piece
            if rest.endswith("\n"):
                yield rest.rstrip("\n")
                rest = ""
