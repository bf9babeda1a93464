"""A file of lines against a cosigned checkpoint: each line there, each as it was signed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stack.home import ROOT
from tests.verifier.parts import BASE, LOG_KEY, NAME, ORIGIN, WITNESS_KEY, key_of, write_key
from verifier import notes
from verifier.checkpoints import Checkpoint, cosign
from verifier.lines import LinesRefused, check_lines
from verifier.merkle import leaf_hash, root_of


def line(number: int, more: str = "", origin: str = ORIGIN) -> bytes:
    """A line of a log."""
    return json.dumps({"of": more, "metadata": {"log_name": origin, "sequence": number}}).encode()


LINES = [line(number, str(number)) for number in range(6)]
CHECKPOINT = Checkpoint(ORIGIN, 6, root_of(map(leaf_hash, LINES)))


def test_lines_as_signed_are_taken_in_any_order_and_twice() -> None:
    others = [line(0, origin=f"{BASE}/2"), b'{"torn', b"[]", b'{"metadata": 1}', line(9)]
    check_lines([*others, *reversed(LINES), *LINES], CHECKPOINT)


def test_line_ends_are_none_of_the_line() -> None:
    check_lines([one + b"\n" for one in LINES], CHECKPOINT)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (LINES[:3] + LINES[4:], r"1 lines are missing: \[3\]"),
        (LINES[:5], r"1 lines are missing: \[5\]"),
        ([*LINES[:3], line(3, "changed"), *LINES[4:]], "not as it was signed"),
        ([*LINES, line(3, "changed")], "in two forms"),
        ([*LINES[:3], line(3, "4"), line(4, "3"), LINES[5]], "not as it was signed"),
        ([], "6 lines are missing"),
    ],
    ids=["a deleted line", "a cut tail", "a changed line", "a second form", "changed over", "nothing"],
)
def test_other_lines_are_refused(lines: list[bytes], why: str) -> None:
    with pytest.raises(LinesRefused, match=why):
        check_lines(lines, CHECKPOINT)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What a stranger has: lines, the cosigned checkpoint, two public keys."""
    note = notes.sign(CHECKPOINT.text, ORIGIN, [LOG_KEY]) + cosign(CHECKPOINT.text, NAME, WITNESS_KEY, 1)
    (tmp_path / "checkpoint").write_text(note, encoding="utf-8")
    (tmp_path / "lines").write_bytes(b"\n".join(LINES) + b"\n")
    for name, key in (("log", LOG_KEY), ("witness", WITNESS_KEY), ("other", key_of("other"))):
        write_key(tmp_path / name, tmp_path / f"{name}.pub", key)
    return tmp_path


def run(files: Path, log: str = "log", witness: str = "witness") -> subprocess.CompletedProcess[str]:
    """The command."""
    arguments = ["--lines", str(files / "lines"), "--checkpoint", str(files / "checkpoint")]
    arguments += ["--log-key", str(files / f"{log}.pub"), "--witness", NAME, str(files / f"{witness}.pub")]
    command = [sys.executable, "-m", "verifier.lines", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def test_command_says_that_all_lines_are_there(files: Path) -> None:
    done = run(files)
    assert (done.returncode, done.stdout) == (0, f"{ORIGIN}: 6 lines, each as it was signed\n")


@pytest.mark.parametrize(("log", "witness"), [("other", "witness"), ("log", "other"), ("absent", "witness")])
def test_command_refuses_other_keys(files: Path, log: str, witness: str) -> None:
    done = run(files, log, witness)
    assert (done.returncode, done.stderr.startswith("REFUSED: ")) == (1, True)


def test_command_refuses_a_changed_line(files: Path) -> None:
    (files / "lines").write_bytes((files / "lines").read_bytes().replace(b'"of": "0"', b'"of": "x"', 1))
    assert run(files).stderr == "REFUSED: a line is not as it was signed\n"
