"""Keys, passwords and certificates are replaced while somebody calls without a pause: no call fails."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from cryptography import x509
from typer.testing import CliRunner

from cli import place
from cli.__main__ import app
from cli.client import IocClient
from cli.login import LoginRefused
from foundation.ids import unb64u
from stack.errors import StackError
from stack.realms import CONFIDENTIAL_CLIENTS
from stack.rotation import CLIENT_READERS, Rotation, Step
from tests.conftest import RunningStack

pytestmark = pytest.mark.timeout(600)

_NAME = "{ viewer { ... on Official { name } } }"


@dataclass
class Calls:
    """What the callers met."""

    good: int = 0
    bad: list[str] = field(default_factory=list)


async def _call(client: IocClient, http: httpx.AsyncClient, calls: Calls) -> None:
    try:
        headers = await client.headers("POST", "/graphql")
        answer = await http.post(
            f"{client.endpoints.api_url}/graphql", headers=headers, json={"query": _NAME}
        )
    except httpx.HTTPError as error:
        calls.bad.append(repr(error))
        return
    if answer.status_code == httpx.codes.OK and "errors" not in answer.json():
        calls.good += 1
    else:
        calls.bad.append(f"{answer.status_code} {answer.text[:200]}")


async def _call_until(
    stop: threading.Event, ready: threading.Event, stack: RunningStack, calls: Calls
) -> None:
    """Two officers who call on a new connection each time.

    On a kept one a call may meet its end, whoever ends it: HTTP libraries then try again by themselves (RFC
    9112, 9.3.1), and httpx does not.
    """
    trust = ssl.create_default_context(cafile=str(stack.endpoints.ca_file))
    none_kept = httpx.Limits(max_keepalive_connections=0)

    async def caller(client: IocClient) -> None:
        async with httpx.AsyncClient(verify=trust, limits=none_kept, trust_env=False, timeout=30) as http:
            while not stop.is_set():
                await _call(client, http, calls)

    async with stack.client("minh") as minh, stack.client("thao") as thao:
        ready.set()
        await asyncio.gather(caller(minh), caller(thao))


@contextlib.contextmanager
def _load(stack: RunningStack) -> Iterator[Calls]:
    """In a thread with a loop of its own: parts are started by the main thread, which waits for them."""
    calls, stop, ready = Calls(), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_call_until(stop, ready, stack, calls)))
    thread.start()
    try:
        assert ready.wait(60)
        yield calls
        time.sleep(1)
    finally:
        stop.set()
        thread.join(60)


def _carry_out(plan: list[Step], stack: RunningStack) -> Calls:
    with _load(stack) as calls:
        for step in plan:
            step.act()
            time.sleep(0.2)
    return calls


def _act(plan: list[Step]) -> None:
    for step in plan:
        step.act()


def _shown(running_stack: RunningStack) -> int:
    """The serial number of the certificate that the edge shows."""
    pem = ssl.get_server_certificate(("localhost", running_stack.stack.ports.edge))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def _serial(file: Path) -> int:
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


async def test_passwords_change_under_load(running_stack: RunningStack) -> None:
    calls = _carry_out(Rotation(running_stack.stack).passwords(), running_stack)
    assert calls.bad == []
    assert calls.good > 10


async def test_key_of_cursors_changes_under_load_and_old_cursors_go_on(running_stack: RunningStack) -> None:
    name = "opaque-ids"
    file = running_stack.stack.home.secret(name)
    before = file.read_bytes()
    calls = _carry_out(Rotation(running_stack.stack).shared_key(name), running_stack)
    assert calls.bad == []
    assert calls.good > 10
    assert file.read_bytes() != before


async def test_certificates_change_under_load(running_stack: RunningStack) -> None:
    pair = running_stack.stack.certificates.edge
    before = _serial(pair.certificate)
    calls = _carry_out(Rotation(running_stack.stack).certificates(), running_stack)
    assert calls.bad == []
    assert calls.good > 10
    assert _shown(running_stack) == _serial(pair.certificate) != before


async def test_realm_keys_change_under_load_and_tokens_of_before_are_taken(
    running_stack: RunningStack,
) -> None:
    async with running_stack.client("dung") as dung:
        await dung.graphql(_NAME)
        old = _kid(await dung.access_token())
        calls = _carry_out(Rotation(running_stack.stack).realm_keys(), running_stack)
        still = await dung.graphql(_NAME)
        await dung.refresh()
        new = _kid(await dung.access_token())
        anew = await dung.graphql(_NAME)
    assert calls.bad == []
    assert (still["data"], anew["data"]) == (anew["data"], still["data"])
    assert old != new


async def test_old_realm_keys_go_when_nothing_of_them_can_come_any_more(running_stack: RunningStack) -> None:
    rotation = Rotation(running_stack.stack)
    _act(rotation.realm_keys())
    async with running_stack.client("dung") as dung:
        await dung.graphql(_NAME)
        retired = running_stack.stack.keycloak_keys.retired()
        early = rotation.forget(min(key.needed_until for key in retired))
        _act(rotation.forget(max(key.needed_until for key in retired) + timedelta(seconds=1)))
        await dung.refresh()
        answer = await dung.graphql(_NAME)
    assert [step.words for step in early if "generated" in step.words] == []
    assert len(retired) >= 6  # three keys of two realms
    assert running_stack.stack.keycloak_keys.retired() == []
    assert answer["data"]["viewer"]["name"]


async def test_stolen_realm_key_signs_nothing_that_is_accepted(running_stack: RunningStack) -> None:
    rotation = Rotation(running_stack.stack)
    async with running_stack.client("dung") as dung, running_stack.client("dung") as anew:
        await dung.graphql(_NAME)
        _act(rotation.realm_keys())
        _act(rotation.drop("realm-keys"))
        with pytest.raises(LoginRefused):
            await dung.refresh()
        await anew.sign_in()
        answer = await anew.graphql(_NAME)
    assert answer["data"]["viewer"]["name"]


async def test_client_keys_change_under_load_and_keycloak_knows_no_other(running_stack: RunningStack) -> None:
    stack = running_stack.stack
    files = [stack.home.secret(f"keycloak-{client}.pem") for client in CLIENT_READERS]
    before = [file.read_bytes() for file in files]
    calls = _carry_out(Rotation(stack).client_keys(), running_stack)
    news = [
        stack.keycloak_keys.trust(client, [file]) for client, file in zip(CLIENT_READERS, files, strict=True)
    ]
    assert calls.bad == []
    assert calls.good > 10
    assert all(file.read_bytes() != old for file, old in zip(files, before, strict=True))
    assert news == [False] * len(files)


def test_client_keys_are_all_those_that_are_made() -> None:
    assert tuple(CLIENT_READERS) == CONFIDENTIAL_CLIENTS


@pytest.fixture
def ioc(running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`./ioc`, whose stack is this one, with the options that tests give it."""
    monkeypatch.setattr(place, "existing", lambda: running_stack.stack)
    return lambda *words: CliRunner().invoke(app, words)


def test_one_who_drops_what_leaves_no_old_key_is_told(ioc: Callable[..., Result]) -> None:
    assert isinstance(ioc("rotate", "passwords", "--stolen").exception, StackError)


def test_one_who_drops_a_key_is_asked_first(running_stack: RunningStack, ioc: Callable[..., Result]) -> None:
    secrets = running_stack.stack.home.folder / "secrets"
    before = {file.name: file.read_bytes() for file in secrets.iterdir()}
    asked = ioc("rotate", "queue-keys", "--stolen")  # nobody answers
    assert asked.exit_code == 1
    assert "every request to the directory that waits" in " ".join(asked.output.split())
    assert {file.name: file.read_bytes() for file in secrets.iterdir()} == before


def test_command_replaces_and_drops_while_the_system_runs(
    running_stack: RunningStack, ioc: Callable[..., Result]
) -> None:
    secrets = running_stack.stack.home.folder / "secrets"
    before = {file.name: file.read_bytes() for file in secrets.glob("queue-*.pem")}
    shown, done = (
        ioc("rotate", "queue-keys", "--stolen", "--dry-run"),
        ioc("rotate", "queue-keys", "--stolen", "--yes"),
    )
    after = {file.name: file.read_bytes() for file in secrets.glob("queue-*.pem")}
    assert (shown.exit_code, done.exit_code) == (0, 0)
    assert after.keys() == before.keys()
    assert [name for name in before if before[name] == after[name]] == []
    assert list(secrets.glob("queue-*.old-*")) == []


def test_shared_key_that_was_stolen_lies_nowhere_any_more(running_stack: RunningStack) -> None:
    old = running_stack.stack.home.secret("media-links.old-20260101T000000Z")
    old.write_bytes(bytes(32))
    remove, reload = Rotation(running_stack.stack).drop("media-links")
    remove.act()
    assert not old.exists()
    assert reload.words == "api takes it no more"


def _kid(token: str) -> str:
    return str(httpx.Response(200, content=unb64u(token.split(".", maxsplit=1)[0])).json()["kid"])
