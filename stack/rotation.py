"""Keys, passwords and certificates replaced while the system runs: each as a plan of steps, in order.

What is accepted by others first is made known to them, then used; what was used stays accepted for a while.
A plan that was broken off is begun again: each step does nothing when it is done.
"""

import secrets
import signal
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import psutil
from psycopg import sql

from foundation.cursors import LIFE as CURSOR_LIFE
from recovery.repository import moment, stamp
from stack import certificates
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.keycloak import ROLE as KEYCLOAK_ROLE
from stack.postgres import PostgresCluster
from stack.secret_files import password, write_secret

API_SECONDS = 120.0
_TEMPORARY = ".replacing"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what a person is told, and what is done."""

    words: str
    act: Callable[[], object]


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A secret of random bytes that some processes seal with and others open."""

    size: int
    readers: tuple[str, ...]
    window: timedelta
    """How long what was made under it may still come."""


SHARED_KEYS = {
    "opaque-ids": SharedKey(64, ("api",), CURSOR_LIFE),
    "media-links": SharedKey(32, ("api",), timedelta(minutes=2)),
    # A number that moves to another account waits sealed for the notice, at most 60 days.
    "phone-seal": SharedKey(32, ("directory", "api", "worker"), timedelta(days=70)),
    # A request of the directory lives a day, and its result is handed out when it is there.
    "recovery-seal": SharedKey(32, ("directory", "worker"), timedelta(days=3)),
    "backup-key": SharedKey(32, ("archiver",), timedelta(days=35)),
}


@dataclass(frozen=True)
class Rotation:
    """Plans for one running stack."""

    stack: EmbeddedStack

    def passwords(self) -> list[Step]:
        """Each role but superusers and Keycloak's own, which reads its password at its start.

        Connections that are open stay; new ones read the file.
        """
        return [
            Step(f"Password of {role}", partial(change_password, cluster, role))
            for cluster in self.stack.clusters
            for role in login_roles(cluster)
            if role != KEYCLOAK_ROLE
        ]

    def shared_key(self, name: str) -> list[Step]:
        """Accepted by all readers, then used by all; the old one stays accepted until `forget`."""
        key, file = SHARED_KEYS[name], self.stack.home.secret(name)
        following = file.with_name(f"{file.name}.next")
        accept = [Step(f"{reader} accepts it", self._reloader(reader)) for reader in key.readers]
        use = [Step(f"{reader} uses it", self._reloader(reader)) for reader in reversed(key.readers)]
        if name == "backup-key":  # one process, which seals and opens
            accept = []
        return [
            Step(f"A new key beside {name}", lambda: _stage(following, key.size)),
            *accept,
            Step(f"It takes the place of {name}", lambda: _take_place(file, following)),
            *use,
        ]

    def certificates(self) -> list[Step]:
        """Every process's own, of the authorities there are."""
        return [
            Step("New keys and certificates", self._renew_certificates),
            Step("edge shows its own", lambda: self.stack.supervisor.send("edge", signal.SIGHUP)),
            Step("api shows its own", self.reload_api),
            Step("openbao shows its own", lambda: self.stack.supervisor.send("openbao", signal.SIGHUP)),
            Step("relay", self._reloader("relay")),
            Step("the SOC's receiver", lambda: self.stack.supervisor.restart(self.stack.soc.part())),
            Step("mail", lambda: self.stack.supervisor.restart(self.stack.mail.part())),
        ]

    def realm_keys(self) -> list[Step]:
        """A new key signs; the old one stays, so that tokens signed with it are accepted until they end."""
        return [
            Step(f"A new signing key of {realm}", partial(self._new_realm_key, realm))
            for realm in ("ihanoi", "hanoi-ioc")
        ]

    def forget(self) -> list[Step]:
        """Old keys whose window is over."""
        now = datetime.now(UTC)
        steps = []
        for name, key in SHARED_KEYS.items():
            for old in self.stack.home.secret(name).parent.glob(f"{name}.old-*"):
                if moment(old.name.rpartition("old-")[2]) + key.window < now:
                    steps.append(Step(f"{old.name} is removed", old.unlink))
        return steps

    def reload_api(self) -> None:
        """New serving processes follow the old ones, which end what is under way. Raises StackError."""
        identity = self.stack.supervisor.send("api", signal.SIGHUP)
        main = psutil.Process(identity.pid)
        old = {child.pid for child in main.children()}
        until = time.monotonic() + API_SECONDS
        while old & {child.pid for child in main.children() if child.status() != psutil.STATUS_ZOMBIE}:
            if time.monotonic() > until:
                raise StackError(
                    "api", "an old process still serves", "read its log", self.stack.home.log("api")
                )
            time.sleep(0.2)

    def _reloader(self, part: str) -> Callable[[], object]:
        if part == "api":
            return self.reload_api
        found = next(one for one in self.stack.services.parts() if one.name == part)
        return lambda: self.stack.supervisor.restart(found)

    def _renew_certificates(self) -> None:
        folder = self.stack.home.folder / "tls"
        certificates.renew(folder)

    def _new_realm_key(self, realm: str) -> None:
        with _administrator(self.stack) as http:
            found = http.get(f"/admin/realms/{realm}").raise_for_status().json()
            priority = int(time.time())
            http.post(
                f"/admin/realms/{realm}/components",
                json={
                    "name": f"ecdsa-{stamp(datetime.now(UTC))}",
                    "providerId": "ecdsa-generated",
                    "providerType": "org.keycloak.keys.KeyProvider",
                    "parentId": found["id"],
                    "config": {
                        "priority": [str(priority)],
                        "enabled": ["true"],
                        "active": ["true"],
                        "ecdsaEllipticCurveKey": ["P-256"],
                    },
                },
            ).raise_for_status()


def login_roles(cluster: PostgresCluster) -> list[str]:
    """Roles that sign in with a password, but the superuser: its file is the last way in."""
    with cluster.connect() as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper ORDER BY 1"
        ).fetchall()
    return [row[0] for row in rows]


def change_password(cluster: PostgresCluster, role: str) -> None:
    """A new one at the server and in the file, an instant apart; who connects within it tries again.

    Broken off between the two, the next start gives the role what the file says.
    """
    file = cluster.password_file(role)
    new = file.with_name(f"{file.name}{_TEMPORARY}")
    new.unlink(missing_ok=True)
    plain = password(new)
    with cluster.connect() as connection:
        verifier = connection.pgconn.encrypt_password(
            plain.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
        )
        new.replace(file)


def _stage(following: Path, size: int) -> None:
    if not following.exists():
        write_secret(following, secrets.token_bytes(size))


def _take_place(file: Path, following: Path) -> None:
    if following.exists():
        # A copy first: at no moment is there no key.
        write_secret(file.with_name(f"{file.name}.old-{stamp(datetime.now(UTC))}"), file.read_bytes())
        following.replace(file)


def _administrator(stack: EmbeddedStack) -> httpx.Client:
    """Keycloak's bootstrap administrator, past the edge, for a minute."""
    base = f"https://localhost:{stack.ports.keycloak_inside}"
    trust = ssl.create_default_context(cafile=str(stack.certificates.authority))
    answer = httpx.post(
        f"{base}/realms/master/protocol/openid-connect/token",
        data={
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": "admin",
            "password": password(stack.home.secret("keycloak-admin")),
        },
        verify=trust,
        timeout=30,
        trust_env=False,
    )
    if answer.status_code != httpx.codes.OK:
        raise StackError("keycloak", f"no administrator is let in ({answer.status_code})", "./ioc status")
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return httpx.Client(base_url=base, verify=trust, headers=bearer, timeout=30, trust_env=False)
