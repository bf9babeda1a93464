"""Every command in the README exists with its options, and runs on the real parts."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.main import get_command

from backend.citizens.sms import HttpSmsGateway
from cli.__main__ import app
from cli.check import _checks
from foundation.phones import Phone
from foundation.settings import WorkerSettings, load
from stack.home import ROOT
from tests.conftest import RunningStack

README = (ROOT / "README.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^```sh\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`\./ioc (?P<arguments>[^`]*)`")
_NO_SUCH_CODE = "0000-0000-0000-0000"


def fenced() -> list[list[str]]:
    """The commands of the README's shell blocks, one a block, as words."""
    return [shlex.split(match["body"]) for match in _FENCE.finditer(README)]


def named() -> list[list[str]]:
    """The commands that stand in the text and its tables."""
    return [["./ioc", *shlex.split(match["arguments"])] for match in _INLINE.finditer(README)]


def every() -> list[str]:
    """All of them once, as one would type them."""
    return list(dict.fromkeys(shlex.join(words) for words in [*fenced(), *named()]))


# What a test must not do to the machine it runs on, or what it is itself a part of; and what does it instead.
DONE_ELSEWHERE = {
    "./ioc up": "the fixture running_stack starts the same stack",
    "./ioc up --detach": "as ./ioc up; tests/cli/test_commands.py",
    "./ioc test": "runs this",
    "./ioc test tests/backend": "a part of what runs this",
    "./ioc check": ".ci/run; its steps are compared below",
    "./ioc backup": "needs its archiver's time; tests/scenarios/test_restore.py",
    "./ioc restore --to MOMENT": "a moment of one's own; tests/scenarios/test_restore.py",
    "./ioc bench": "takes minutes; .ci/run does not measure",
    "./ioc restart": "tests/scenarios/test_restarting.py, one by one",
    "./ioc down": "the fixture running_stack stops the same stack; tests/cli/test_commands.py",
}
QUERIES = [shlex.join(words) for words in fenced() if words[1] == "graphql"]
RUN_HERE = [command for command in every() if command not in {*DONE_ELSEWHERE, *QUERIES}]


@pytest.fixture(scope="module")
def home(running_stack: RunningStack) -> Path:
    """The running stack's home, as `./ioc` looks for it, with a short message to be shown."""
    (running_stack.home / "ports.json").write_text(
        json.dumps(asdict(running_stack.stack.ports)), encoding="utf-8"
    )
    asyncio.run(send_a_message(running_stack.home))
    return running_stack.home


async def send_a_message(home: Path) -> None:
    """As the worker does."""
    settings = load(home / "settings" / "worker.toml", WorkerSettings)
    assert settings.sms is not None
    gateway = HttpSmsGateway.of(settings.sms)
    try:
        await gateway.send(Phone.parse("0912345678"), "Mã của bạn: 123456", uuid4())
    finally:
        await gateway.close()


def run(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """What `./ioc` becomes once its environment is there."""
    words = shlex.split(command)
    return subprocess.run(
        [sys.executable, "-m", "cli", *words[1:]],
        cwd=ROOT,
        env={**os.environ, "IOC_HOME": str(home), "COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
        timeout=150,
    )


def parse(words: list[str]) -> str:
    """The command's own name, once the parser of `./ioc` took its words. Raises a usage error."""
    context = command = None
    name, rest = "ioc", words[1:]
    found: Any = get_command(app)
    while found is not None:
        command, found = found, None
        context = command.make_context(name, list(rest), parent=context)
        if hasattr(command, "resolve_command") and rest:
            # A group has not looked at its command's words yet.
            name, found, rest = command.resolve_command(context, rest)
    return name


def test_blocks_hold_one_command_each() -> None:
    assert [words[0] for words in fenced()] == ["./ioc"] * len(fenced())


def test_every_command_is_run_here_or_said_where() -> None:
    assert sorted(set(DONE_ELSEWHERE) - set(every())) == []
    assert len(QUERIES) == 3
    assert len(RUN_HERE) >= 5


@pytest.mark.parametrize("command", every())
def test_command_exists_with_its_options(command: str) -> None:
    words = shlex.split(command)
    assert parse(words) in words


def test_unknown_option_is_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["./ioc", "status", "--no-such-option"])


def test_options_named_in_the_table_exist() -> None:
    rows = re.findall(r"^\| `(\./ioc [^`]+)` \|(.*)\|$", README, re.MULTILINE)
    named_there = [
        (shlex.split(row), option) for row, text in rows for option in re.findall(r"`(--?\S+)`", text)
    ]
    assert len(named_there) >= 4
    for words, option in named_there:
        parse([*words, option])


@pytest.mark.parametrize("command", RUN_HERE)
def test_command_runs_on_the_real_parts(home: Path, command: str) -> None:
    done = run(home, command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", QUERIES, ids=["lan", "minh", "anonymous"])
def test_pasted_query_answers_without_errors(home: Path, command: str) -> None:
    done = run(home, command)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer.keys() == {"data"}
    assert all(answer["data"].values())


async def test_tracking_query_finds_a_report_that_exists(running_stack: RunningStack, home: Path) -> None:
    submit = (ROOT / "mobile_contract" / "operations" / "SubmitReport.graphql").read_text(encoding="utf-8")
    report = {"category": "road", "ward": "00070", "place": "Phố Hàng Bài", "body": "Ổ gà"}
    async with running_stack.client("lan", remember=True) as lan:
        sent = await lan.graphql(submit, {"input": {**report, "idempotencyKey": os.urandom(16).hex()}})
    code = sent["data"]["submitReport"]["code"]
    (command,) = [command for command in QUERIES if "anonymous" in command]
    answer = json.loads(run(home, command.replace(_NO_SUCH_CODE, code)).stdout)
    assert answer["data"]["trackReport"]["__typename"] == "PublicReport"


def test_steps_of_check_are_those_named() -> None:
    (line,) = [line for line in README.splitlines() if line.startswith("| `./ioc check`")]
    words = {"format": "format", "lint": "lint", "types": "types", "imports": "import contract"}
    words |= {"schema": "GraphQL schema", "policies": "policies", "lock": "lock file", "walls": "walls"}
    assert [words.get(name, name) for name in _checks() if words.get(name, name) not in line] == []


def test_every_folder_named_exists_and_every_package_is_named() -> None:
    table = re.findall(r"^\| (`[a-z_]+/`(?:, `[a-z_]+/`)*) \|", README, re.MULTILINE)
    folders = {name for cell in table for name in re.findall(r"`([a-z_]+)/`", cell)}
    assert sorted(name for name in folders if not (ROOT / name).is_dir()) == []
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    present = {line.split("/")[0] for line in tracked.stdout.splitlines() if "/" in line}
    assert sorted(name for name in present - folders if not name.startswith(".")) == []
