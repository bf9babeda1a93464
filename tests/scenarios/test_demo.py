"""The demo on the real parts, and that it can fail."""

import io
import json
import time
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cli.demo import tell
from cli.demo_officer import shown_live, until_refused
from cli.journey import ClaimFailed, Journey, document
from cli.live import Live
from tests.conftest import RunningStack


def journey(stack: RunningStack) -> Journey:
    """A telling that nobody watches."""
    return Journey(stack.home, stack.endpoints, stack.soc_file, Console(file=io.StringIO()))


async def test_every_claim_of_the_demo_holds(running_stack: RunningStack) -> None:
    told = journey(running_stack)
    began = datetime.now(UTC)
    await tell(told, running_stack.stack.certificates.channel)
    assert told.claims == 73
    # A job that fails each five seconds is seen by no claim.
    assert faults(running_stack, began) == []


def faults(stack: RunningStack, since: datetime) -> list[str]:
    """What our processes have logged as errors."""
    lines = [
        json.loads(line)
        for name in ("api", "worker", "directory", "relay")
        for line in stack.stack.home.log(name).read_text(encoding="utf-8").splitlines()
        if line.startswith("{")
    ]
    return [
        f"{line['service']}: {line['event']}"
        for line in lines
        if line["level"] in {"error", "critical"} and datetime.fromisoformat(line["timestamp"]) >= since
    ]


async def test_demo_fails_when_the_phone_was_not_told(
    running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.journey.PATIENCE_SECONDS", 0.5)
    async with journey(running_stack) as told:
        lan = await told.sign_in("lan")
        async with Live(lan, document("Changes")) as phone:
            with pytest.raises(ClaimFailed, match="phone shows version 2"):
                await shown_live(told, phone, "nothing", 2, 0.0)


async def test_demo_fails_when_the_suspended_officer_is_still_let_in(
    running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.demo_officer.OUT_WITHIN_SECONDS", 0.2)
    async with journey(running_stack) as told:
        minh = await told.sign_in("minh")
        refusal, took = await until_refused(minh, time.monotonic())
    assert (refusal, took > 0.4) == ("she is still let in", True)


async def test_demo_fails_when_the_soc_did_not_receive_what_is_claimed(
    running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.journey.PATIENCE_SECONDS", 0.5)
    async with journey(running_stack) as told:
        with pytest.raises(ClaimFailed, match=r"report\.never = allow"):
            await told.soc_received("report.never", "allow")


async def test_demo_fails_when_an_answer_differs(running_stack: RunningStack) -> None:
    async with journey(running_stack) as told:
        with pytest.raises(ClaimFailed):
            told.claim("the sky is green", holds=False, seen="blue")
