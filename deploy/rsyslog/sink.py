"""What rsyslog's omprog writes to at the SOC: `python3 sink.py FILE`, lines on stdin, answers on stdout.

OK means that the line is on the disk (fsync). When it can't be, the half-written line is cut off again and
the answer is an error: omprog keeps the line, stops taking new ones, and tries again. Standard library only.
"""

import fcntl
import os
import sys
from collections.abc import Iterable
from typing import IO

_BLOCK = 65_536


def open_repaired(path: str) -> int:
    """Open for appending, without the torn line that a power cut may have left: it was never acknowledged.

    Waits for another sink of the same file: that of a killed rsyslog may still be writing its last line.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    end = os.lseek(descriptor, 0, os.SEEK_END)
    os.ftruncate(descriptor, _after_last_line_end(descriptor, end))
    os.fsync(descriptor)
    directory = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)
    return descriptor


def _after_last_line_end(descriptor: int, end: int) -> int:
    while end > 0:
        start = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def append(descriptor: int, line: bytes) -> None:
    """Write `line` durably, or not at all. Raises OSError."""
    start = os.lseek(descriptor, 0, os.SEEK_END)
    try:
        rest = line
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, start)
        raise


def serve(lines: Iterable[bytes], answers: IO[bytes], path: str) -> None:
    """Answer each line. Ends with the input."""
    descriptor = open_repaired(path)
    _answer(answers, b"OK")
    for line in lines:
        if not line.endswith(b"\n"):
            return  # rsyslog was killed inside a line; it was not acknowledged
        try:
            append(descriptor, line)
        except OSError as error:
            _answer(answers, f"Error: {os.strerror(error.errno or 0)}".encode())
        else:
            _answer(answers, b"OK")


def _answer(answers: IO[bytes], text: bytes) -> None:
    answers.write(text + b"\n")
    answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, sys.argv[1])
