"""Starts parts, knows when they are ready, notices when one dies, stops them in reverse order."""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stack.errors import StackError
from stack.home import ROOT, Home
from stack.processes import MARK, ProcessIdentity, identify

_PR_SET_PDEATHSIG = 1
_INTERVAL = 0.1


@dataclass(frozen=True)
class Part:
    """A program that runs as long as the stack does."""

    name: str
    command: Callable[[], list[str]]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    ready_seconds: float = 60
    stop_seconds: float = 20
    folder: Path = ROOT
    remedy: str = "read its log, then ./ioc up again"


@dataclass(frozen=True, slots=True)
class Running:
    """A started part, as the state file keeps it."""

    name: str
    pid: int
    started: str
    log: str
    mark: str
    stop_signal: int
    stop_seconds: float
    remedy: str

    @property
    def identity(self) -> ProcessIdentity:
        """What tells it from a later process with the same pid."""
        return ProcessIdentity(self.pid, self.started)


class Supervisor:
    """The parts of one home. `die_with_us` ends them when this process is killed: for tests."""

    def __init__(self, home: Home, die_with_us: bool = False) -> None:
        self.home = home
        self._die_with_us = die_with_us
        self._state = home.folder / "run" / "parts.json"
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the home while parts are started or stopped. Raises StackError when another `ioc` does."""
        with (self.home.folder / "run" / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StackError(
                    "stack", "another ./ioc is starting or stopping it", "wait until it is done"
                ) from error
            yield

    def running(self) -> list[Running]:
        """Every part that was started and not stopped, alive or not, in the order of starting."""
        if not self._state.exists():
            return []
        return [Running(**entry) for entry in json.loads(self._state.read_text(encoding="utf-8"))]

    def launch(self, part: Part) -> None:
        """Start a part and record who it is. It is not yet ready."""
        log = self.home.log(part.name)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))  # one run a file: what is printed as its end is this run's
        mark = f"{self.home.digest}:{part.name}"
        environment = {**os.environ, **part.environment, MARK: mark, "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as output:
            try:
                child = subprocess.Popen(
                    part.command(),
                    cwd=part.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is ours to handle, in the right order
                    preexec_fn=_die_on(part.stop_signal) if self._die_with_us else None,  # noqa: PLW1509 - no threads
                    **part.options,
                )
            except OSError as error:
                raise StackError(part.name, f"it can't be started: {error}", part.remedy, log) from error
        self._children[part.name] = child
        identity = identify(child.pid)
        entry = Running(
            part.name,
            identity.pid,
            identity.started,
            str(log),
            mark,
            part.stop_signal,
            part.stop_seconds,
            part.remedy,
        )
        self._write([*self.running(), entry])

    def wait_ready(self, part: Part) -> None:
        """Wait until the part does its work. Raises StackError when it ends or takes too long."""
        child = self._children[part.name]
        log = self.home.log(part.name)
        deadline = time.monotonic() + part.ready_seconds
        while True:
            if child.poll() is not None:
                message = f"it ended while starting ({_ending(child.returncode)})"
                raise StackError(part.name, message, part.remedy, log)
            if part.ready():
                return
            if time.monotonic() > deadline:
                message = f"it was not ready within {part.ready_seconds:.0f} s"
                raise StackError(part.name, message, part.remedy, log)
            time.sleep(_INTERVAL)

    def start(self, part: Part) -> None:
        """Launch and wait."""
        self.launch(part)
        self.wait_ready(part)

    def restart(self, part: Part) -> None:
        """Stop a running part and start it again in its place. Raises StackError."""
        places = [one.name for one in self.running()]
        if part.name not in places:
            raise StackError(part.name, "it does not run", "./ioc up")
        (self.home.folder / "run" / "stopping").touch()  # nobody who watches takes it for dead
        try:
            with _undisturbed():
                before = {one.name: one for one in self.running()}
                self._stop_one(before.pop(part.name))
                self._write(list(before.values()))
                self.launch(part)
                now = {one.name: one for one in self.running()}
                self._write([now[name] for name in places])
        finally:
            (self.home.folder / "run" / "stopping").unlink(missing_ok=True)
        self.wait_ready(part)

    def process(self, name: str) -> ProcessIdentity:
        """A running part's process. Raises StackError."""
        for one in self.running():
            if one.name == name and one.identity.is_alive():
                return one.identity
        raise StackError(name, "it does not run", "./ioc up")

    def send(self, name: str, number: signal.Signals) -> None:
        """Signal a running part. Raises StackError."""
        self.process(name).send(number)

    def watch(self) -> None:
        """Return when the parts were stopped by `./ioc down`; raises StackError when one dies by itself."""
        while True:
            for part in self.running():
                if not part.identity.is_alive() and self._state.exists() and not self._being_stopped():
                    child = self._children.get(part.name)
                    how = f" ({_ending(child.wait())})" if child else ""
                    raise StackError(part.name, f"it ended{how} while running", part.remedy, Path(part.log))
            if not self._state.exists():
                return
            time.sleep(0.5)

    def stop(self) -> list[str]:
        """Stop what was started, in reverse order; returns the names. Nothing else is touched."""
        (self.home.folder / "run" / "stopping").touch()
        stopped = []
        try:
            with _undisturbed():
                for part in reversed(self.running()):
                    self._stop_one(part)
                    stopped.append(part.name)
                self._state.unlink(missing_ok=True)
        finally:
            (self.home.folder / "run" / "stopping").unlink(missing_ok=True)
        return stopped

    def _stop_one(self, part: Running) -> None:
        identity = part.identity
        try:
            identity.send(signal.Signals(part.stop_signal))
            if not identity.wait(part.stop_seconds):
                identity.send(signal.SIGKILL)
                identity.wait(5)
        except ProcessLookupError:
            pass  # it has ended; its number may be somebody else's by now
        child = self._children.pop(part.name, None)
        if child is not None:
            child.wait()
        for other in identity.left_behind(part.mark):
            try:
                other.send(signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _being_stopped(self) -> bool:
        return (self.home.folder / "run" / "stopping").exists()

    def _write(self, parts: list[Running]) -> None:
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps([asdict(part) for part in parts], indent=1), encoding="utf-8")
        new.replace(self._state)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of it running."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _die_on(number: signal.Signals) -> Callable[[], None]:
    library = ctypes.CDLL(None)

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, int(number))

    return ask


def _ending(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
