"""From the end of a session at Keycloak to the first refusal at the api, on the running stack.

The peer believes a self-contained token until it expires. People are made for it and removed after it.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from cli import place
from tests.conftest import RunningStack
from tests.identity.administration import Administration
from tests.identity.ends import ENDS, UNITS, Knocker, claims_of, newcomer

ROUNDS = 3
EVERY_SECONDS = 0.05
PATIENCE_SECONDS = 30.0
TARGET = "5 s"
_SHORT_SECONDS = 10


def run() -> Iterable[dict[str, Any]]:
    """One row a realm and a kind of end."""
    stack = RunningStack(place.existing())
    for realm in UNITS:
        for kind in ENDS:
            yield _row(realm, kind, asyncio.run(_measure(stack, realm, kind)))


def _row(realm: str, kind: str, measured: list[tuple[float, float]]) -> dict[str, Any]:
    ours = [seconds for seconds, _ in measured]
    peer = statistics.median(left for _, left in measured)
    return {
        "name": f"session_ends.{realm}.{kind}",
        "work": f"the end at Keycloak until the first refusal, {len(measured)} sessions, asked all the time",
        "ours": f"{statistics.median(ours):.2f} s, at most {max(ours):.2f} s",
        "peer": f"{peer:.0f} s",
        "peer_name": "self-contained token until exp",
        "ratio": round(statistics.median(ours) / peer, 3) if peer else None,
        "target": TARGET,
    }


async def _measure(stack: RunningStack, realm: str, kind: str) -> list[tuple[float, float]]:
    """(seconds to the first refusal, seconds that the token had left) of each session."""
    async with Administration(stack) as keycloak:
        short = keycloak.short_tokens(realm, _SHORT_SECONDS) if kind == "expiry" else nullcontext()
        async with short:
            return [await _once(keycloak, realm, kind) for _ in range(ROUNDS)]


async def _once(keycloak: Administration, realm: str, kind: str) -> tuple[float, float]:
    person = await newcomer(keycloak, realm)
    try:
        async with keycloak.client(person) as client:
            knocker = Knocker(client)
            if (await knocker.answer())[0] != 200:
                raise RuntimeError("the session was not let in")
            expires = claims_of(client)["exp"]
            # At any moment between two looks of the directory, which come every 2 s.
            await asyncio.sleep(random.uniform(0, 2))
            await ENDS[kind](keycloak, client)
            ended = time.time()
            while (await knocker.answer())[0] == 200:
                if time.time() - ended > PATIENCE_SECONDS:
                    raise RuntimeError(f"{kind} in {realm} did not end access")
                await asyncio.sleep(EVERY_SECONDS)
            return time.time() - ended, max(0.0, expires - ended)
    finally:
        await keycloak.delete_person(person)
