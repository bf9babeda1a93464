"""From the sign-in page to the first GraphQL answer, against the same sign-in and Keycloak's own userinfo.

On the running stack, as a citizen: a password, no code to wait for. Both sides narrow the token by a refresh.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from benchmarks._parts import Paired, paired
from cli import place
from cli.login import make_proof
from tests.conftest import RunningStack
from tests.identity.administration import Administration

ROUNDS = 11
VIEWER = "{ viewer { __typename } }"


def run() -> Iterable[dict[str, Any]]:
    """One row: wall time of one person's whole way."""
    result = asyncio.run(_measure(RunningStack(place.existing())))
    yield {
        "name": "sign_in",
        "work": f"sign-in (PAR, password, code, narrowing) and a first question, {result.rounds} times",
        "ours": f"{result.ours_wall / 1e6:.2f} s",
        "peer": f"{result.peer_wall / 1e6:.2f} s",
        "peer_name": "the same sign-in and Keycloak's userinfo",
        "ratio": round(result.wall_ratio, 2),
        "target": None,
    }


async def _measure(stack: RunningStack) -> Paired:
    async with Administration(stack) as keycloak:
        person = await keycloak.new_person("ihanoi")

        async def ours() -> object:
            async with keycloak.client(person) as client:
                return await client.graphql(VIEWER)

        async def userinfo() -> object:
            async with keycloak.client(person) as client:
                url = f"{client.issuer}/protocol/openid-connect/userinfo"
                token = await client.access_token()
                proof = make_proof(client.key, "GET", url, token)
                response = await client.http.get(
                    url, headers={"Authorization": f"DPoP {token}", "DPoP": proof}
                )
                return response.raise_for_status()

        try:
            return await paired(ours, userinfo, calls=1, rounds=ROUNDS)
        finally:
            await keycloak.delete_person(person)
