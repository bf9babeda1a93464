"""Processes of a service side by side: what they count together, and a disk without room."""

import asyncio
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from cli.journey import Journey
from foundation.settings import ApiSettings, OperationsSettings, WorkerSettings
from security_tests.attacks.served import free_port
from tests.conftest import RunningStack
from tests.scenarios.test_draining import copy_of, lead_edge_to

ASKED = 40
_NAME = "{ viewer { __typename } }"


async def counted(operations: int) -> float:
    """Answers to `viewer` that the operators are told of."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as operator:
        text = (await operator.get(f"http://127.0.0.1:{operations}/metrics")).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "ioc_requests_total" and sample.labels["operation"] == "viewer"
    )


async def test_processes_of_one_api_count_together_whichever_is_asked(
    running_stack: RunningStack, tmp_path: Path
) -> None:
    async with (
        running_stack.client("minh") as minh,
        copy_of(running_stack, "api", ApiSettings, tmp_path, workers=2) as api,
    ):
        await api.ready()
        lead_edge_to(running_stack, api.port)
        await asyncio.sleep(1)
        try:
            for _ in range(ASKED):
                await minh.graphql(_NAME)
        finally:
            lead_edge_to(running_stack, running_stack.stack.ports.api)
            await asyncio.sleep(0.5)
        # Each new connection is taken by either process.
        seen = {await counted(api.operations) for _ in range(20)}
    assert seen == {ASKED}


async def test_disk_without_room_is_an_event_at_the_soc(running_stack: RunningStack, tmp_path: Path) -> None:
    operations = OperationsSettings(port=free_port(), disks={"trial": tmp_path}, disk_free_ratio=0.999)
    told = Journey(running_stack.home, running_stack.endpoints, running_stack.soc_file, Console(quiet=True))
    async with copy_of(running_stack, "worker", WorkerSettings, tmp_path, operations=operations) as worker:
        await worker.ready()
        await told.soc_received("operations.disk_low", "allow", "setting:disk_trial")
        assert await worker.state() == (200, "degraded")
