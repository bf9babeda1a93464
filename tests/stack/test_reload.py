"""New serving processes of the api follow the old ones."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from stack import rotation
from stack.errors import StackError
from stack.rotation import Rotation

MAIN = """
import os, signal, sys, time
def serve():
    pid = os.fork()
    if not pid:
        for number in (signal.SIGHUP, signal.SIGUSR1): signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
        os._exit(0)
    return pid
serving = [serve()]
signal.signal(signal.SIGHUP, lambda *_: serving.append(serve()))
def end(*_):
    old = serving.pop(0)
    os.kill(old, signal.SIGKILL)
    os.waitpid(old, 0)
signal.signal(signal.SIGUSR1, end)
print(flush=True)
while True:
    time.sleep(600)
"""


class _Supervisor:
    """Its signal has had its effect before it returns: the moment in which a new process passes for old."""

    def __init__(self, main: psutil.Process, *, ends: bool) -> None:
        self.main, self._ends = main, ends

    def process(self, _name: str) -> psutil.Process:
        return self.main

    def send(self, _name: str, number: signal.Signals) -> None:
        self.main.send_signal(number)
        while len(self.main.children()) < 2:
            time.sleep(0.01)
        if self._ends:
            self.main.send_signal(signal.SIGUSR1)


@pytest.fixture
def main():
    with subprocess.Popen([sys.executable, "-c", MAIN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        main = psutil.Process(process.pid)
        yield main
        for one in [*main.children(), main]:
            one.kill()


def _rotation(main: psutil.Process, *, ends: bool) -> Rotation:
    stack: Any = SimpleNamespace(
        supervisor=_Supervisor(main, ends=ends), home=SimpleNamespace(log=lambda _: Path("api.log"))
    )
    return Rotation(stack)


def test_new_process_that_is_there_at_once_is_not_waited_for(main: psutil.Process) -> None:
    (old,) = main.children()
    _rotation(main, ends=True).reload_api()
    (new,) = main.children()
    assert new.pid != old.pid


def test_old_process_that_stays_is_told(main: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "API_SECONDS", 0.5)
    with pytest.raises(StackError, match="an old process still serves"):
        _rotation(main, ends=False).reload_api()
