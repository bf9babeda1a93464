"""In the running stack: a call becomes a line, is signed, cosigned, shipped, and shown by `ioc vault log`."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.check import check_file
from cli.__main__ import app
from cli.vault_log import read_log
from tests.parts import RunningStack
from tests.verifier.parts import DEADLINE
from verifier.lines import check_lines

ORIGIN = "ioc.hanoi.gov.vn/log/vault/1"


@pytest.fixture
def show(running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """The command's exit code and output."""
    monkeypatch.setattr("cli.place.existing", lambda: running_stack.stack)

    def run(*more: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["vault", "log", *more])
        return done.exit_code, done.output

    return run


def until(holds: Callable[[], Any]) -> Any:
    """Poll; what was found."""
    end = time.monotonic() + DEADLINE
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.1)


def all_cosigned(show: Callable[..., tuple[int, str]]) -> dict[str, Any] | None:
    """What the command says once every line is cosigned and taken by the SOC."""
    found: dict[str, Any] = json.loads(show("--json")[1])
    done = found["lines"] and found["lines"] == found["cosigned"] == found["acknowledged"]
    return found if done else None


def test_log_of_the_vault_is_signed_cosigned_and_at_the_soc(
    running_stack: RunningStack, show: Callable[..., tuple[int, str]]
) -> None:
    told = until(lambda: all_cosigned(show))
    assert (told["log"], told["late"], told["signed"]) == (ORIGIN, False, told["lines"])
    findings = check_file(running_stack.soc_file)
    findings.require_complete()
    assert findings.logs[ORIGIN].size >= told["lines"]


def test_command_hashes_every_line_anew(show: Callable[..., tuple[int, str]]) -> None:
    until(lambda: all_cosigned(show))
    assert show("--verify")[0] == 0


def test_lines_that_the_soc_holds_are_those_that_the_witness_cosigned(
    running_stack: RunningStack, show: Callable[..., tuple[int, str]]
) -> None:
    until(lambda: all_cosigned(show))
    cosigned = read_log(running_stack.stack).cosigned
    assert cosigned is not None
    with running_stack.soc_file.open("rb") as lines:
        check_lines(lines, cosigned)


def test_note_of_the_command_is_a_cosigned_checkpoint(show: Callable[..., tuple[int, str]]) -> None:
    until(lambda: all_cosigned(show))
    assert show("--note")[1].startswith(f"{ORIGIN}\n")
