"""The TypeScript client on the running system, also behind a backend that swaps answers and keys."""

import asyncio
import json
import secrets
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from cli.client import IocClient
from cli.login import payload_of
from cli.vault import client_of
from tests.clients.runtimes import CLIENT, installed_client, node, node_environment
from tests.conftest import RunningStack

Swap = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Done:
    """What `tools/call.ts` left behind."""

    code: int
    answers: list[dict]
    said: str


@dataclass
class Between:
    """A backend that was taken over: passes everything on, and changes what the vault's field answers."""

    target: str
    ca_file: str
    swap: Swap
    passed: list[str] = field(default_factory=list)
    """The type of each answer, in order."""

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=self.ca_file)
        with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
            response = client.post(self.target, headers=headers, content=body)
        value = response.json()
        for said in value["data"].values():
            self.passed.append(said["__typename"])
            self.swap(said)
        return response.status_code, json.dumps(value).encode()


@contextmanager
def _listening(between: Between) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            own = {"host", "connection", "content-length", "accept-encoding", "transfer-encoding"}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
            status, answer = between.answer(headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/graphql"
        server.shutdown()
        thread.join()


async def _call(stack: RunningStack, person: IocClient, **changes: Any) -> Done:
    vault = client_of(stack.stack, person)
    settings = {
        "graphqlUrl": f"{person.endpoints.api_url}/graphql",
        "vaultUrl": vault.url,
        "roots": [root.hex() for root in vault.pinned.roots],
        "device": person.key.as_dict(private=True),
        "backendToken": await person.access_token(),
        "vaultToken": await vault.token(),
        "operation": "hello",
        "parameters": {},
        "times": 1,
        **changes,
    }
    process = await asyncio.create_subprocess_exec(
        *node("tools/call.ts"),
        cwd=CLIENT,
        env=node_environment(NODE_EXTRA_CA_CERTS=str(person.endpoints.ca_file)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(json.dumps(settings).encode())
    assert process.returncode is not None
    return Done(process.returncode, [json.loads(line) for line in output.splitlines()], errors.decode())


@pytest.fixture(scope="module")
async def minh(running_stack: RunningStack) -> AsyncIterator[IocClient]:
    """An official on a device whose key the TypeScript client is given."""
    await asyncio.to_thread(installed_client)
    async with running_stack.client("minh") as person:
        yield person


async def test_hello_there_and_back(running_stack: RunningStack, minh: IocClient) -> None:
    done = await _call(running_stack, minh, times=2)
    assert done.code == 0, done.said
    assert [answer["kind"] for answer in done.answers] == ["result", "result"]
    first, second = (answer["result"] for answer in done.answers)
    token = await client_of(running_stack.stack, minh).token()
    assert first["hello"] == second["hello"] == payload_of(token)["sid"][:8]
    assert first["request"] != second["request"]


async def test_problem_comes_sealed_too(running_stack: RunningStack, minh: IocClient) -> None:
    done = await _call(running_stack, minh, operation="nothing")
    assert done.code == 0, done.said
    assert [(answer["kind"], answer["code"]) for answer in done.answers] == [
        ("problem", "vault.unknown_operation")
    ]


async def test_answer_to_somebody_else_is_not_opened_and_nothing_follows(
    running_stack: RunningStack, minh: IocClient
) -> None:
    async with running_stack.client("thao") as thao:
        client = client_of(running_stack.stack, thao)
        await client.call("hello")
        sealed = await client.seal("hello", {}, secrets.token_bytes(16))
        said = await client.send(sealed.frame, sealed.token, client.proof(sealed))
    assert said["__typename"] == "VaultAnswer"
    done, passed = await _behind(running_stack, minh, _octets_of_all(said["octets"]))
    assert (done.code, done.answers, json.loads(done.said)["code"]) == (1, [], "answer_not_genuine")
    assert passed == ["VaultKeyset", "VaultRefused", "VaultAnswer"]


async def test_own_answer_to_an_earlier_request_is_not_opened(
    running_stack: RunningStack, minh: IocClient
) -> None:
    kept: list[str] = []

    def swap(said: dict[str, Any]) -> None:
        if said["__typename"] == "VaultAnswer":
            kept.append(said["octets"])
            said["octets"] = kept[0]

    done, passed = await _behind(running_stack, minh, swap)
    assert (done.code, [answer["kind"] for answer in done.answers]) == (1, ["result"])
    assert json.loads(done.said)["code"] == "answer_not_genuine"
    assert passed == ["VaultKeyset", "VaultRefused", "VaultAnswer", "VaultAnswer"]


async def test_keyset_of_the_backends_own_is_sealed_to_by_nobody(
    running_stack: RunningStack, minh: IocClient
) -> None:
    def swap(said: dict[str, Any]) -> None:
        text: str = said["keyset"]
        said["keyset"] = text.replace("ioc-vault/keyset/v1\n", "ioc-vault/keyset/v1\n9", 1)

    done, passed = await _behind(running_stack, minh, swap)
    assert (done.code, done.answers, json.loads(done.said)["code"]) == (1, [], "keyset_refused")
    assert passed == ["VaultKeyset"]


async def _behind(stack: RunningStack, person: IocClient, swap: Swap) -> tuple[Done, list[str]]:
    target = f"{person.endpoints.api_url}/graphql"
    between = Between(target, str(person.endpoints.ca_file), swap)
    with _listening(between) as url:
        done = await _call(stack, person, through=url, times=2)
    return done, between.passed


def _octets_of_all(octets: str) -> Swap:
    def swap(said: dict[str, Any]) -> None:
        if said["__typename"] == "VaultAnswer":
            said["octets"] = octets

    return swap
