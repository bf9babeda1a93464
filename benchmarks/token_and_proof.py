"""The door: token and proof check with replay protection, against two bare ES256 verifications.

Keycloak is left out: the realm's key is given, and the caller is a citizen, whom no introspection concerns.
"""

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
from joserfc import jws

from benchmarks._parts import Paired, paired, seeded_cluster
from foundation.clock import SystemClock
from foundation.database.connections import for_asyncpg
from foundation.identity.authenticator import Authenticator
from stack.postgres import PostgresCluster
from tests.identity import world

CALLS, ROUNDS = 100, 11


def run() -> Iterable[dict[str, Any]]:
    """One row: CPU of the process a check."""
    with seeded_cluster(durable=False) as cluster:
        result = asyncio.run(_measure(cluster))
    yield {
        "name": "token_and_proof",
        "work": f"one request let in, {result.rounds} rounds of {CALLS}, one at a time",
        "ours": f"{result.ours_cpu:.0f} µs CPU, {result.ours_wall:.0f} µs",
        "peer": f"{result.peer_cpu:.0f} µs CPU, {result.peer_wall:.0f} µs",
        "peer_name": "two bare ES256 verifications (joserfc)",
        "ratio": round(result.cpu_ratio, 2),
        "target": None,
    }


async def _measure(cluster: PostgresCluster) -> Paired:
    clock = SystemClock()
    settings = cluster.settings("backend_app")
    pool = await asyncpg.create_pool(
        **for_asyncpg(settings),
        min_size=1,
        max_size=1,
    )
    with tempfile.TemporaryDirectory() as folder:
        identity = world.settings(Path(folder))
        authenticator = Authenticator(identity, pool, clock, world.Keycloak().http())
    await authenticator.open()
    # A proof made in the second in which remembering began is refused.
    await asyncio.sleep(1.1)
    token, made = world.citizen_token(), int(clock.now().timestamp())
    proofs = [world.proof(token, jti=f"bench-{number}", iat=made) for number in range(CALLS * (ROUNDS + 1))]
    ours, peer = iter(proofs), iter(proofs)

    async def door() -> object:
        return await authenticator.authenticate("POST", "/graphql", [f"DPoP {token}"], [next(ours)])

    async def bare() -> object:
        jws.deserialize_compact(token, world.OTHER_REALM_KEY, algorithms=["ES256"])
        return jws.deserialize_compact(next(peer), world.DEVICE, algorithms=["ES256"])

    try:
        return await paired(door, bare, calls=CALLS, rounds=ROUNDS)
    finally:
        await authenticator.close()
        await pool.close()
