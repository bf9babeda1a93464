"""A process is known by pid, boot and start; whoever got the pid later is not touched."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from stack.processes import MARK, ProcessIdentity, identify


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_process_of_another_start_with_the_same_pid_is_not_signalled(
    stranger: subprocess.Popen[bytes],
) -> None:
    recycled = ProcessIdentity(stranger.pid, "an-earlier-boot:1")
    with pytest.raises(ProcessLookupError):
        recycled.send(signal.SIGKILL)
    assert stranger.poll() is None


def test_process_of_another_start_with_the_same_pid_counts_as_ended(
    stranger: subprocess.Popen[bytes],
) -> None:
    assert not ProcessIdentity(stranger.pid, "an-earlier-boot:1").is_alive()


def test_identified_process_is_signalled(stranger: subprocess.Popen[bytes]) -> None:
    identify(stranger.pid).send(signal.SIGTERM)
    assert stranger.wait(10) == -signal.SIGTERM


def test_zombie_counts_as_ended(stranger: subprocess.Popen[bytes]) -> None:
    identity = identify(stranger.pid)
    stranger.kill()
    os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
    assert not identity.is_alive()


def test_child_left_by_a_dead_leader_is_found_by_its_mark() -> None:
    script = "sleep 60 & echo $!"
    with subprocess.Popen(
        ["sh", "-c", script],
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, MARK: "home:part"},
        text=True,
    ) as leader:
        identity = identify(leader.pid)
        assert leader.stdout is not None
        child = identify(int(leader.stdout.readline()))
        leader.wait(10)
        assert identity.left_behind("home:part") == [child]
        assert identity.left_behind("other home:part") == []
        child.send(signal.SIGKILL)
