"""Processes are restarted by command while people work: nobody sees an error, the SOC misses no line."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import pytest
from rich.console import Console
from typer.testing import CliRunner

from audit.check import check_file
from cli.__main__ import app
from cli.journey import Journey
from tests.conftest import RunningStack
from tests.scenarios.test_draining import Load

pytestmark = pytest.mark.timeout(600)


@contextlib.contextmanager
def work(stack: RunningStack) -> Iterator[Load]:
    """People who read, write and follow, in a thread with a loop of its own."""
    begun: threading.Event = threading.Event()
    loads: list[Load] = []

    async def people() -> None:
        async with stack.client("lan") as lan, stack.client("minh") as minh:
            loads.append(Load(lan, minh))
            begun.set()
            await asyncio.gather(loads[0].read(), loads[0].write(), loads[0].follow(), loads[0].stream())

    thread = threading.Thread(target=lambda: asyncio.run(people()))
    thread.start()
    try:
        assert begun.wait(60)
        yield loads[0]
    finally:
        # An event of the other loop: it is looked at each tenth of a second.
        loads[0].stop.set()
        thread.join(60)


@pytest.mark.parametrize("part", ["worker", "relay", "directory", "edge_events", "archiver", "api"])
async def test_part_is_restarted_and_nobody_notices(
    running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    # The stack's own supervisor, from this thread: parts die with the thread that started them.
    monkeypatch.setattr("cli.place.existing", lambda: running_stack.stack)
    before = {one.name: one.pid for one in running_stack.stack.supervisor.running()}
    with work(running_stack) as load:
        done = CliRunner().invoke(app, ["restart", part])
    after = {one.name: one.pid for one in running_stack.stack.supervisor.running()}
    assert (done.exit_code, load.errors) == (0, []), done.output
    assert {name for name in before if before[name] != after[name]} == ({part} - {"api"})
    assert load.submitted
    assert list(before) == list(after)


async def test_soc_has_every_line_of_what_was_done_meanwhile(running_stack: RunningStack) -> None:
    part = next(one for one in running_stack.stack.services.parts() if one.name == "relay")
    told = Journey(running_stack.home, running_stack.endpoints, running_stack.soc_file, Console(quiet=True))
    with work(running_stack) as load:
        running_stack.stack.supervisor.restart(part)
    for code in load.submitted:
        await told.soc_received("report.submit", "allow", f"report:{code}")
    check_file(running_stack.soc_file).require_complete()


def test_what_is_no_part_of_ours_is_refused(
    running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.place.existing", lambda: running_stack.stack)
    refused = CliRunner().invoke(app, ["restart", "keycloak"])
    assert refused.exit_code == 1
