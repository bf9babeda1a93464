"""A client of the vault as the app is one: it seals, proves, and opens answers; the backend passes octets on.

async with IocClient(...) as person:
    said = await VaultClient(person, pinned, url).call("hello")
"""

import base64
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from cli.client import ApiRefused, IocClient
from cli.login import make_proof, payload_of
from foundation.identity.body_proofs import digest_of
from foundation.ids import b64u
from stack.home import ROOT
from vault.call import answer, octets, request
from vault.call.keyset import Keyset, KeysetRefused, Seen, accept
from vault.call.request import Binding

AUDIENCE = "ioc-vault"
PATH = "/v1/call"
TRIES = 3
_DOCUMENTS = ROOT / "mobile_contract" / "operations"


class VaultSaidNo(Exception):
    """Nothing was opened: `code` is unproven, and all that an app may do is to try again later."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Pinned:
    """What an app brings and keeps: both roots' public keys, and the highest versions seen, in `file`."""

    roots: tuple[bytes, bytes]
    file: Path | None = None
    seen: Seen = field(default_factory=Seen)

    @classmethod
    def of(cls, roots_file: Path, seen_file: Path) -> "Pinned":
        """From the installation's roots, and what an earlier run has seen."""
        first, second = json.loads(roots_file.read_text(encoding="utf-8"))["roots"]
        seen = Seen(**json.loads(seen_file.read_text(encoding="utf-8"))) if seen_file.exists() else Seen()
        return cls((bytes.fromhex(first), bytes.fromhex(second)), seen_file, seen)

    def accept(self, certificate: str, keyset: str) -> Keyset:
        """The keys of now. Raises KeysetRefused."""
        taken, self.seen = accept(
            certificate, keyset, roots=self.roots, seen=self.seen, now=datetime.now(UTC)
        )
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(asdict(self.seen)), encoding="utf-8")
        return taken


@dataclass(frozen=True)
class Sealed:
    """A request as it is sent, and what its device keeps of it."""

    frame: bytes
    answer_key: bytes = field(repr=False)
    token: str = field(repr=False)
    jti: str

    def open(self, octets_: bytes) -> dict[str, Any]:
        """The answer to this request. Raises AnswerNotGenuine."""
        return answer.unseal(octets_, self.answer_key, self.frame)


class VaultClient:
    """One person's way to the vault, on one device: `person` is signed in at the backend."""

    def __init__(self, person: IocClient, pinned: Pinned, vault_url: str) -> None:
        self.person = person
        self.pinned = pinned
        self.url = vault_url + PATH
        self.nonce: str | None = None
        self._keyset: Keyset | None = None
        self._token: tuple[str, float] | None = None

    async def call(self, operation: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """The opened answer: {"result": …} or {"problem": …}. Raises VaultSaidNo, AnswerNotGenuine."""
        operation_id = secrets.token_bytes(16)
        code = ""
        for _ in range(TRIES):
            sealed = await self.seal(operation, parameters or {}, operation_id)
            said = await self.send(sealed.frame, sealed.token, self.proof(sealed))
            if said["__typename"] == "VaultAnswer":
                return sealed.open(base64.b64decode(said["octets"]))
            code = said["code"]
            if code == "vault.use_nonce":
                self.nonce = said["nonce"]
            elif code == "vault.unknown_key":
                self._keyset = None
            else:
                break
        raise VaultSaidNo(code)

    async def seal(self, operation: str, parameters: dict[str, Any], operation_id: bytes) -> Sealed:
        """A request for this session, device and one proof to come."""
        token, keyset = await self.token(), await self.keyset()
        claims = payload_of(token)
        jti = secrets.token_urlsafe(16)
        binding = Binding(
            iss=claims["iss"],
            sub=claims["sub"],
            sid=claims["sid"],
            jkt=self.person.key.thumbprint(),
            ath=b64u(hashlib.sha256(token.encode()).digest()),
            jti=jti,
        )
        answer_key = secrets.token_bytes(request.ANSWER_KEY)
        inside = octets.content({"operation": operation, "parameters": parameters})
        frame = request.seal(keyset.keys[0].public, binding, answer_key, operation_id, inside)
        return Sealed(frame, answer_key, token, jti)

    def proof(self, sealed: Sealed, **changes: Any) -> str:
        """The device's proof of exactly these octets. `changes` replace claims, for tests that forge."""
        claims = {"jti": sealed.jti, "digest": digest_of(sealed.frame)}
        if self.nonce is not None:
            claims["nonce"] = self.nonce
        return make_proof(self.person.key, "POST", self.url, sealed.token, **{**claims, **changes})

    async def send(self, frame: bytes, token: str, proof: str) -> dict[str, Any]:
        """What the backend answers: a VaultAnswer or VaultRefused, unopened. Raises ApiRefused."""
        variables = {"request": base64.b64encode(frame).decode("ascii")}
        headers = [("Vault-Authorization", f"DPoP {token}"), ("Vault-DPoP", proof)]
        said: dict[str, Any] = (await self._ask("VaultCall", variables, headers))["vaultCall"]
        return said

    async def keyset(self) -> Keyset:
        """The vault's keys, fetched once and checked. Raises KeysetRefused."""
        if self._keyset is None:
            said = (await self._ask("VaultKeyset", {}, []))["vaultKeyset"]
            if said["__typename"] != "VaultKeyset":
                raise VaultSaidNo(said["code"])
            self._keyset = self.pinned.accept(said["certificate"], said["keyset"])
        return self._keyset

    async def token(self) -> str:
        """A token for the vault alone, of the same session."""
        now = datetime.now(UTC).timestamp()
        if self._token is None or self._token[1] < now + 20:
            narrowed = await self.person.narrowed(AUDIENCE)
            self._token = (narrowed, float(payload_of(narrowed)["exp"]))
        return self._token[0]

    async def _ask(
        self, name: str, variables: dict[str, Any], headers: list[tuple[str, str]]
    ) -> dict[str, Any]:
        document = (_DOCUMENTS / f"{name}.graphql").read_text(encoding="utf-8")
        response: httpx.Response = await self.person.raw(
            headers=[*await self.person.headers(), *headers],
            json={"query": document, "variables": variables},
        )
        if response.is_error:
            raise ApiRefused(response)
        data: dict[str, Any] | None = response.json().get("data")
        if data is None:
            raise ApiRefused(response)
        return data


__all__ = ["KeysetRefused", "Pinned", "Sealed", "VaultClient", "VaultSaidNo"]
