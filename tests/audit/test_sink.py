"""The receiver's sink: OK only when the line is on the disk; a torn tail is repaired."""

import resource
import select
import subprocess
import sys
from pathlib import Path

import pytest

from stack.home import ROOT

SINK = ROOT / "deploy/rsyslog/sink.py"


def run(file: Path, octets: bytes, file_size: int = resource.RLIM_INFINITY) -> list[str]:
    """Feed `octets` to a sink that may write `file_size` bytes; its answers."""
    done = subprocess.run(
        [sys.executable, str(SINK), str(file)],
        input=octets,
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY)),
    )
    return done.stdout.decode().splitlines()


def test_each_line_is_written_and_answered(tmp_path: Path) -> None:
    file = tmp_path / "f"
    assert run(file, b"one\ntwo\n") == ["OK", "OK", "OK"]
    assert file.read_bytes() == b"one\ntwo\n"


def test_line_that_does_not_fit_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "f"
    answers = run(file, b"one\n" + b"x" * 100 + b"\ntwo\n", file_size=50)
    assert [answer[:5] for answer in answers] == ["OK", "OK", "Error", "OK"]
    assert file.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("torn", [b"to", b"x" * 200_000])
def test_torn_tail_is_cut_off_at_start(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"one\n" + torn)
    run(file, b"two\n")
    assert file.read_bytes() == b"one\ntwo\n"


def test_file_of_one_torn_line_is_emptied_at_start(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"torn")
    run(file, b"")
    assert file.read_bytes() == b""


def test_line_cut_off_by_the_end_of_input_is_neither_written_nor_answered(tmp_path: Path) -> None:
    file = tmp_path / "f"
    assert run(file, b"one\ntw") == ["OK", "OK"]
    assert file.read_bytes() == b"one\n"


def test_second_sink_waits_until_the_first_ends(tmp_path: Path) -> None:
    command = [sys.executable, str(SINK), str(tmp_path / "f")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as second:
        sinks = {first.stdout: first, second.stdout: second}
        (ready, *both), _, _ = select.select(list(sinks), [], [], 30)
        holder = sinks.pop(ready)
        early, _, _ = select.select(list(sinks), [], [], 0.5)
        holder.communicate()
        late, _, _ = select.select(list(sinks), [], [], 30)
    assert (both, early, late) == ([], [], list(sinks))


def test_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "f"
    run(file, b"one\n")
    assert file.stat().st_mode & 0o777 == 0o600
