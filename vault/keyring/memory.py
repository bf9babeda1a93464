"""Secrets in memory: buffers that are wiped. CPython's str and bytes can't be."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager


def wipe(buffer: bytearray) -> None:
    """Overwrite with zeros, in place."""
    if buffer:
        ctypes.memset((ctypes.c_char * len(buffer)).from_buffer(buffer), 0, len(buffer))


@contextmanager
def wiped(buffer: bytearray) -> Iterator[bytearray]:
    """The buffer, wiped at the end of the block, whatever happens in it."""
    try:
        yield buffer
    finally:
        wipe(buffer)
