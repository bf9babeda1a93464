"""A file of a log's lines against a cosigned checkpoint: are they all there, each as it was signed?

`python -m verifier.lines --lines FILE --checkpoint NOTE --log-key PEM [--witness NAME PEM]`. Lines may come
in any order and twice, torn ones and other logs' lines between them, as a receiver writes them.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from verifier.checkpoints import Checkpoint, Cosigner, open_checkpoint, origin_of, verify_cosignature
from verifier.keys import KeyFileError, public_key
from verifier.merkle import Roots, leaf_hash
from verifier.notes import NoteRefused

_MOST_TOLD = 20


class LinesRefused(ValueError):
    """The lines are not those of the checkpoint."""


def check_lines(lines: Iterable[bytes], checkpoint: Checkpoint) -> None:
    """Raise LinesRefused unless `lines` hold every line of the checkpoint's log up to its size, as signed.

    What lies above the size is not looked at: another checkpoint tells of it.
    """
    found: dict[int, bytes] = {}
    for raw in lines:
        line = raw.rstrip(b"\n")
        sequence = _sequence(line, checkpoint.origin)
        if sequence is None or sequence >= checkpoint.size:
            continue
        leaf = leaf_hash(line)
        if found.setdefault(sequence, leaf) != leaf:
            raise LinesRefused(f"line {sequence} is there in two forms")
    missing = [number for number in range(checkpoint.size) if number not in found]
    if missing:
        raise LinesRefused(f"{len(missing)} lines are missing: {missing[:_MOST_TOLD]}")
    roots = Roots()
    for number in range(checkpoint.size):
        roots.add(found[number])
    if roots.root() != checkpoint.root:
        raise LinesRefused("a line is not as it was signed")


def _sequence(line: bytes, origin: str) -> int | None:
    """The line's number in the log `origin`; None for what is none of its lines."""
    try:
        metadata = json.loads(line)["metadata"]
        name, sequence = metadata["log_name"], metadata["sequence"]
    except (ValueError, KeyError, TypeError):
        return None
    return sequence if name == origin and type(sequence) is int and sequence >= 0 else None


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m verifier.lines")
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--log-key", type=Path, required=True)
    parser.add_argument("--witness", nargs=2, metavar=("NAME", "PEM"))
    arguments = parser.parse_args()
    try:
        note = arguments.checkpoint.read_text(encoding="utf-8")
        checkpoint = open_checkpoint(note, origin_of(note), public_key(arguments.log_key))
        if arguments.witness is not None:
            name, file = arguments.witness
            verify_cosignature(note, Cosigner(name, public_key(Path(file))))
        with arguments.lines.open("rb") as lines:
            check_lines(lines, checkpoint)
    except (OSError, NoteRefused, LinesRefused, KeyFileError) as error:
        sys.exit(f"REFUSED: {error}")
    print(f"{checkpoint.origin}: {checkpoint.size} lines, each as it was signed")


if __name__ == "__main__":
    main()
