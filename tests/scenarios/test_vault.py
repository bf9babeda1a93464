"""The vault in the whole running system: an app's sealed request through edge and api, and back."""

import asyncio
import base64
import json
import os
import secrets
import ssl
import subprocess
import sys
from dataclasses import asdict

import httpx
import psycopg
import pytest

from cli.client import IocClient
from cli.vault import client_of
from foundation.database.connections import for_psycopg
from stack.home import ROOT
from tests.conftest import RunningStack
from vault.call.errors import AnswerNotGenuine


def _events(stack: RunningStack) -> list[dict]:
    cluster = stack.stack.vault
    with psycopg.connect(**for_psycopg(cluster.settings(cluster.superuser))) as connection:
        rows = connection.execute("SELECT line FROM audit.event ORDER BY xid, id").fetchall()
    return [json.loads(line) for (line,) in rows]


async def _answer(running_stack: RunningStack, person: IocClient) -> dict:
    return await client_of(running_stack.stack, person).call("hello")


async def test_hello_there_and_back(running_stack: RunningStack) -> None:
    async with running_stack.client("minh") as minh:
        said = await _answer(running_stack, minh)
    line = _events(running_stack)[-1]
    assert said["result"]["request"] == line["metadata"]["correlation_uid"]
    assert (line["unmapped"]["action"], line["metadata"]["log_name"]) == (
        "vault.hello",
        "ioc.hanoi.gov.vn/log/vault/1",
    )


async def test_cadre_file_wants_a_passkey_and_a_code_before_anything_is_told(
    running_stack: RunningStack,
) -> None:
    async with running_stack.client("minh") as minh:
        client = client_of(running_stack.stack, minh)
        asked = {"record": "018f0000-0000-7000-8000-000000000001"}
        said = await client.call("cadre.open", asked)
        deadline = asyncio.get_running_loop().time() + 60
        # On a loaded machine the last look at Keycloak's events may be too old for this class.
        while said["problem"]["code"] == "vault.blind" and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(1)
            said = await client.call("cadre.open", asked)
    needed = {"code": "vault.step_up_required", "acrValues": "aal3", "maxAge": 900, "factor": "code"}
    assert said == {"problem": needed}
    assert _events(running_stack)[-1]["status_code"] == "vault.step_up_required"


async def test_citizen_is_not_passed_on(running_stack: RunningStack) -> None:
    document = (ROOT / "mobile_contract/operations/VaultKeyset.graphql").read_text(encoding="utf-8")
    async with running_stack.client("lan") as lan:
        answer = await lan.graphql(document)
    assert answer["data"]["vaultKeyset"]["code"] == "common.forbidden"


async def test_backends_own_token_opens_nothing_at_the_vault(running_stack: RunningStack) -> None:
    async with running_stack.client("minh") as minh:
        client = client_of(running_stack.stack, minh)
        await client.call("hello")
        sealed = await client.seal("hello", {}, secrets.token_bytes(16))
        said = await client.send(sealed.frame, await minh.access_token(), client.proof(sealed))
    assert (said["__typename"], said["code"]) == ("VaultRefused", "vault.unauthenticated")


async def test_session_that_ended_is_refused_at_once_by_the_vaults_own_question(
    running_stack: RunningStack,
) -> None:
    async with running_stack.client("thao") as thao, running_stack.client("minh") as minh:
        client, carrier = client_of(running_stack.stack, thao), client_of(running_stack.stack, minh)
        await carrier.call("hello")
        client.nonce = carrier.nonce
        sealed = await client.seal("hello", {}, secrets.token_bytes(16))
        proof = client.proof(sealed)
        await thao.sign_out()
        said = await carrier.send(sealed.frame, sealed.token, proof)
    assert (said["__typename"], said["code"]) == ("VaultRefused", "vault.unauthenticated")


async def test_stolen_backend_that_swaps_answers_is_caught(running_stack: RunningStack) -> None:
    async with running_stack.client("minh") as minh:
        client = client_of(running_stack.stack, minh)
        await client.call("hello")
        first = await client.seal("hello", {}, secrets.token_bytes(16))
        second = await client.seal("hello", {}, secrets.token_bytes(16))
        said = await client.send(first.frame, first.token, client.proof(first))
        octets = base64.b64decode(said["octets"])
    with pytest.raises(AnswerNotGenuine):
        second.open(octets)
    assert first.open(octets).keys() == {"result"}


async def test_stolen_backend_that_replays_is_refused(running_stack: RunningStack) -> None:
    async with running_stack.client("minh") as minh:
        client = client_of(running_stack.stack, minh)
        await client.call("hello")
        sealed = await client.seal("hello", {}, secrets.token_bytes(16))
        proof = client.proof(sealed)
        kinds = [(await client.send(sealed.frame, sealed.token, proof))["__typename"] for _ in range(2)]
    assert kinds == ["VaultAnswer", "VaultRefused"]


def test_vault_hears_nobody_without_the_apis_certificate(running_stack: RunningStack) -> None:
    url = f"{running_stack.stack.services.vault_url}/v1/keyset"
    certificates = running_stack.stack.certificates
    none, edges, apis = (ssl.create_default_context(cafile=certificates.vault_authority) for _ in range(3))
    edges.load_cert_chain(certificates.edge_client.certificate, certificates.edge_client.key)
    apis.load_cert_chain(certificates.vault_client.certificate, certificates.vault_client.key)
    assert httpx.get(url, verify=apis, trust_env=False).status_code == httpx.codes.OK
    for stranger in (none, edges):
        with pytest.raises(httpx.TransportError):
            httpx.get(url, verify=stranger, trust_env=False)


def test_ioc_vault_hello(running_stack: RunningStack) -> None:
    done = _cli(running_stack, "hello", "--as", "ha")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"].keys() == {"hello", "at", "request"}


def _cli(running_stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    ports = json.dumps(asdict(running_stack.stack.ports))
    (running_stack.home / "ports.json").write_text(ports, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "cli", "vault", *arguments],
        cwd=ROOT,
        env={**os.environ, "IOC_HOME": str(running_stack.home)},
        check=False,
        capture_output=True,
        text=True,
    )


async def test_request_that_was_sealed_before_a_restart_is_answered_after_it(
    running_stack: RunningStack,
) -> None:
    stack = running_stack.stack
    (part,) = (one for one in stack.services.parts() if one.name == "vault")
    async with running_stack.client("minh") as minh:
        client = client_of(stack, minh)
        await client.call("hello")  # a nonce and the keys of now
        sealed = await client.seal("hello", {}, secrets.token_bytes(16))
        stack.supervisor.restart(part)
        said = await client.send(sealed.frame, sealed.token, client.proof(sealed))
        if said.get("code") == "vault.use_nonce":  # the restart took longer than a nonce lives
            client.nonce = said["nonce"]
            said = await client.send(sealed.frame, sealed.token, client.proof(sealed))
    assert sealed.open(base64.b64decode(said["octets"])).keys() == {"result"}


def test_ioc_vault_rotate(running_stack: RunningStack) -> None:
    done = _cli(running_stack, "rotate", "--class", "party")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["class"], said["resumed"], said["refused"]) == ("party", False, 0)
    assert said["version"] > 1
