"""Keys, passwords and certificates are replaced while somebody calls without a pause: no call fails."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from cli.client import IocClient
from foundation.ids import unb64u
from stack.rotation import Rotation, Step
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


def _kid(token: str) -> str:
    return str(httpx.Response(200, content=unb64u(token.split(".", maxsplit=1)[0])).json()["kid"])
