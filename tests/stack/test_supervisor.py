"""Parts are started, watched and stopped; nobody else's process is."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import ROOT, Home
from stack.ports import Ports
from stack.processes import ProcessIdentity, identify
from stack.supervisor import Part, Supervisor


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.prepare()
    yield home
    home.remove_sockets()


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    supervisor = Supervisor(home, die_with_us=True)
    yield supervisor
    supervisor.stop()


def _part(name: str, script: str = "sleep 60", ready: Callable[[], bool] = lambda: True) -> Part:
    return Part(name, lambda: ["sh", "-c", script], ready, ready_seconds=5, stop_seconds=5)


def test_killed_part_is_named_with_its_signal_and_log(supervisor: Supervisor, home: Home) -> None:
    supervisor.start(_part("first"))
    supervisor.start(_part("second"))
    supervisor.running()[1].identity.send(signal.SIGKILL)
    with pytest.raises(StackError, match=r"second: it ended .killed by SIGKILL. while running") as error:
        supervisor.watch()
    assert error.value.log == home.log("second")


def test_part_that_ends_while_starting_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    part = _part("broken", "echo the disk is full; exit 3", ready=lambda: False)
    with pytest.raises(StackError, match=r"broken: it ended while starting .exit code 3.") as error:
        supervisor.start(part)
    assert error.value.last_lines() == ["the disk is full"]


def test_part_that_never_gets_ready_is_named(supervisor: Supervisor) -> None:
    part = Part("slow", lambda: ["sleep", "60"], lambda: False, ready_seconds=0.2)
    with pytest.raises(StackError, match="slow: it was not ready within 0 s"):
        supervisor.start(part)


def test_program_that_does_not_exist_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match="absent: it can't be started"):
        supervisor.launch(Part("absent", lambda: ["/no/such/program"], lambda: True))


def test_stop_ends_parts_in_reverse_order(supervisor: Supervisor) -> None:
    parts = [_part(name) for name in ("a", "b", "c")]
    for part in parts:
        supervisor.start(part)
    identities = [entry.identity for entry in supervisor.running()]
    assert supervisor.stop() == ["c", "b", "a"]
    assert [identity.is_alive() for identity in identities] == [False, False, False]
    assert supervisor.running() == []


def test_part_that_ignores_its_signal_is_killed(supervisor: Supervisor) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    log = supervisor.home.log("deaf")
    part = Part("deaf", lambda: ["sh", "-c", script], lambda: "ready" in log.read_text(), stop_seconds=0.2)
    supervisor.start(part)
    identity = supervisor.running()[0].identity
    supervisor.stop()
    assert not identity.is_alive()


def test_stop_spares_a_process_that_got_a_dead_parts_pid(supervisor: Supervisor, home: Home) -> None:
    supervisor.start(_part("gone"))
    supervisor.running()[0].identity.send(signal.SIGKILL)
    state = home.folder / "run" / "parts.json"
    time.sleep(2 / os.sysconf("SC_CLK_TCK"))  # no two processes of one pid start in the same tick
    with subprocess.Popen(["sleep", "60"]) as stranger:
        [entry] = json.loads(state.read_text())
        state.write_text(json.dumps([{**entry, "pid": stranger.pid}]))
        supervisor.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_child_that_a_killed_part_left_is_stopped_with_it(supervisor: Supervisor, home: Home) -> None:
    file = home.folder / "child"
    part = _part("parent", f"sleep 60 & echo $! > {file}.new; mv {file}.new {file}; wait", ready=file.exists)
    supervisor.start(part)
    child = identify(int(file.read_text()))
    supervisor.running()[0].identity.send(signal.SIGKILL)
    supervisor.stop()
    assert child.wait(5)


def test_another_supervisor_of_the_home_stops_the_parts(supervisor: Supervisor, home: Home) -> None:
    supervisor.start(_part("detached"))
    identity = supervisor.running()[0].identity
    assert Supervisor(home).stop() == ["detached"]
    assert not identity.is_alive()


def test_watch_returns_when_the_parts_were_stopped_on_purpose(supervisor: Supervisor, home: Home) -> None:
    supervisor.start(_part("detached"))
    Supervisor(home).stop()
    supervisor.watch()
    assert supervisor.running() == []


def test_parts_end_when_the_tests_process_is_killed(home: Home) -> None:
    script = (
        "import sys, time; from pathlib import Path; from stack.home import Home;"
        "from stack.supervisor import Part, Supervisor;"
        "supervisor = Supervisor(Home(Path(sys.argv[1])), die_with_us=True);"
        "supervisor.start(Part('part', lambda: ['sleep', '60'], lambda: True));"
        "print('started', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home.folder)], cwd=ROOT, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        [part] = Supervisor(home).running()
        owner.kill()
    assert part.identity.wait(10)


def test_two_at_once_are_refused(supervisor: Supervisor, home: Home) -> None:
    with supervisor.alone(), pytest.raises(StackError, match="another"), Supervisor(home).alone():
        pass


class _InterruptedStack(EmbeddedStack):
    def _prepare(self) -> None:
        pass

    def _start_parts(self) -> None:
        self.supervisor.start(_part("first"))
        raise KeyboardInterrupt


@contextmanager
def _silent(name: str) -> Iterator[None]:
    yield


def test_interrupted_start_leaves_nothing_running(home: Home) -> None:
    launched: list[ProcessIdentity] = []

    class Noting(_InterruptedStack):
        def _start_parts(self) -> None:
            try:
                super()._start_parts()
            finally:
                launched.extend(part.identity for part in self.supervisor.running())

    with pytest.raises(KeyboardInterrupt):
        Noting(home, Ports.unused(), _silent).start()
    assert [identity.is_alive() for identity in launched] == [False]


def test_start_of_a_running_stack_is_refused_and_stops_nothing(supervisor: Supervisor, home: Home) -> None:
    supervisor.start(_part("first"))
    with pytest.raises(StackError, match="it runs already: first"):
        _InterruptedStack(home, Ports.unused(), _silent).start()
    assert supervisor.running()[0].identity.is_alive()


def test_full_disk_is_said_before_anything_starts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 100 * 2**20

    monkeypatch.setattr("stack.embedded.shutil.disk_usage", lambda folder: Usage)
    stack = _InterruptedStack(home, Ports.unused(), _silent)
    with pytest.raises(StackError, match="disk: 100 MiB are free"):
        stack.start()
    assert stack.supervisor.running() == []
