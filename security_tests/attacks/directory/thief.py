"""Somebody who writes rows for the directory by hand."""

import time
from typing import Any
from uuid import UUID

import psycopg
from joserfc.jwk import ECKey

from foundation.database.connections import for_psycopg
from foundation.directory_queue import TYP, Asking, Operation
from foundation.identity import jose
from foundation.ids import new_uuid
from tests.directory.rig import Office, Official


class Thief(Office):
    """As Office, with every member of a request in his hands."""

    async def forged(
        self,
        official: Official,
        *askings: Asking,
        key: ECKey | None = None,
        signer: str = "api",
        header: dict[str, Any] | None = None,
        row: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str | None:
        """Write a request to make this official's account; `claims` and `row` replace members. Its code.

        Fails when it was not refused, or an account was made.
        """
        request, now = new_uuid(), int(time.time())
        said = {
            "v": 1,
            "op": "official.create",
            "target": official.code,
            "params": official.account,
            "then": None,
            "asked": [asking.digest() for asking in askings],
            "jti": str(request),
            "iat": now,
            "exp": now + 3600,
            **claims,
        }
        key = key or self.key(signer)
        compact = jose.sign({"typ": TYP, "kid": key.thumbprint(), **(header or {})}, said, key)
        written = {"signer": signer, "operation": said["op"], "target": said["target"], **(row or {})}
        self.write(request, {**written, "jws": compact}, *askings)
        return await self.refusal_of(request, official)

    async def refused_to_make(
        self, official: Official, *askings: Asking, parameters: dict[str, Any] | None = None
    ) -> str | None:
        """Ask for this official's account, properly signed, and see it refused: the code."""
        request = await self.ask(
            Operation.OFFICIAL_CREATE, official.code, parameters or official.account, *askings
        )
        return await self.refusal_of(request, official)

    async def refusal_of(self, request: UUID, official: Official) -> str | None:
        """The code of a refusal that did nothing."""
        ended = await self.ended(request)
        assert ended.state == "refused"
        assert not set(ended.steps) & {"account", "told", "joined", "written"}
        (found,) = self.rows("SELECT subject FROM tenancy.official WHERE code = %(code)s", code=official.code)
        assert found["subject"] is None
        return ended.code

    def write(self, request: UUID, row: dict[str, Any], *askings: Asking) -> None:
        """Rows as the api's own role may write them."""
        with psycopg.connect(**for_psycopg(self.stack.database("backend_app"))) as connection:
            connection.execute(
                "INSERT INTO directory.request (id, signer, operation, target, jws)"
                " VALUES (%(id)s, %(signer)s, %(operation)s, %(target)s, %(jws)s)",
                {"id": request, **row},
            )
            for position, asking in enumerate(askings):
                connection.execute(
                    "INSERT INTO directory.asking (request_id, position, body, token, proof)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    (request, position, asking.body, asking.token, asking.proof),
                )
