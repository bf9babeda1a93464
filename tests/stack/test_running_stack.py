"""The whole system together, as `./ioc up` starts it."""

import asyncio
import json
import ssl
from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import RunningStack

_NAME = "{ viewer { ... on Official { name unit { code } } } }"


async def test_officer_signs_in_and_is_known_with_the_working_unit(running_stack: RunningStack) -> None:
    async with running_stack.client("minh") as minh:
        answer = await minh.graphql(_NAME)
    assert answer["data"]["viewer"] == {"name": "Trần Văn Minh", "unit": {"code": "00070"}}


async def test_first_use_of_a_session_reaches_the_soc(running_stack: RunningStack) -> None:
    async with running_stack.client("thao") as thao:
        await thao.graphql(_NAME)
    await _until(lambda: bool(_opened_sessions(running_stack)))
    assert _opened_sessions(running_stack)


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        await asyncio.sleep(0.3)


def _opened_sessions(stack: RunningStack) -> list[str]:
    if not stack.soc_file.exists():
        return []
    events = [json.loads(line) for line in stack.soc_file.read_text(encoding="utf-8").splitlines()]
    return [event["metadata"]["uid"] for event in events if event["unmapped"]["action"] == "session.open"]


async def test_api_is_refused_by_a_client_that_does_not_trust_the_local_authority(
    running_stack: RunningStack,
) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get(f"{running_stack.endpoints.api_url}/health/live")


def test_every_part_runs(running_stack: RunningStack) -> None:
    parts = running_stack.stack.supervisor.running()
    assert [part.name for part in parts if not part.identity.is_alive()] == []
    assert {part.name for part in parts} == {
        "postgres-backend",
        "postgres-vault",
        "postgres-keycloak",
        "keycloak",
        "soc",
        "clamav",
        "openbao",
        "openbao-vault",
        "mail",
        "fcm",
        "sms",
        "edge",
        "edge_events",
        "archiver",
        "api",
        "worker",
        "relay",
        "directory",
        "vault",
        "vault_relay",
        "witness",
    }


@pytest.mark.parametrize("name", ["backend", "vault", "keycloak_database"])
def test_no_cluster_trusts_anybody(running_stack: RunningStack, name: str) -> None:
    cluster = getattr(running_stack.stack, name)
    with cluster.connect() as connection:
        rows = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert rows == [("scram-sha-256",)]


def test_only_keycloaks_cluster_listens_on_a_port_and_on_the_loopback_alone(
    running_stack: RunningStack,
) -> None:
    stack = running_stack.stack
    listening = {}
    for cluster in (stack.backend, stack.vault, stack.keycloak_database):
        with cluster.connect() as connection:
            listening[cluster.name] = connection.execute("SHOW listen_addresses").fetchone()
    assert listening == {"backend": ("",), "vault": ("",), "keycloak": ("127.0.0.1",)}


PROCESSES = ["api", "worker", "relay", "vault_relay", "directory", "edge_events"]


@pytest.mark.parametrize("process", PROCESSES)
async def test_each_process_is_ready_and_says_what_of(running_stack: RunningStack, process: str) -> None:
    port = running_stack.stack.ports.operations(process)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as operator:
        answer = await operator.get(f"http://127.0.0.1:{port}/health/ready")
        alive = await operator.get(f"http://127.0.0.1:{port}/health/live")
    found = {name: check["state"] for name, check in answer.json()["checks"].items()}
    assert (answer.status_code, alive.status_code) == (200, 200)
    assert {"database", "clock"} <= found.keys()
    assert (found["database"], found["clock"]) == ("ready", "ready")


@pytest.mark.parametrize("process", PROCESSES)
async def test_each_process_shows_its_metrics_on_the_loopback_alone(
    running_stack: RunningStack, process: str
) -> None:
    port = running_stack.stack.ports.operations(process)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as operator:
        answer = await operator.get(f"http://127.0.0.1:{port}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    checks = {sample.labels["part"] for sample in families["ioc_check_ready"].samples}
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {"database", "clock"} <= checks
    assert families["ioc_clock_offset_seconds"].samples[0].value < 2


async def test_metrics_and_reasons_are_not_behind_the_edge(running_stack: RunningStack) -> None:
    edge = running_stack.endpoints.api_url
    context = ssl.create_default_context(cafile=str(running_stack.endpoints.ca_file))
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=60) as stranger:
        assert (await stranger.get(f"{edge}/metrics")).status_code == 404
        assert (await stranger.get(f"{edge}/health/ready")).status_code == 404
