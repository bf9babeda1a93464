"""Keys, passwords and certificates replaced while the system runs: each as a plan of steps, in order.

What is accepted by others first is made known to them, then used; what was used stays accepted for a while.
A plan that was broken off is begun again: each step does nothing when it is done.
"""

import contextlib
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psutil
from psycopg import sql

from foundation.cursors import LIFE as CURSOR_LIFE
from foundation.directory_queue import LIFE as REQUEST_LIFE
from foundation.keyring import accepted_files
from recovery.repository import moment, stamp
from stack import certificates
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.keycloak import ROLE as KEYCLOAK_ROLE
from stack.keycloak_keys import REALMS, RetiredKey
from stack.postgres import PostgresCluster
from stack.secret_files import new_signing_key, password, signing_key, write_secret
from stack.services import QUEUE_SIGNERS

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
CLIENT_READERS = {
    "ioc-backend": "api",
    "ioc-vault": "vault",
    "ioc-vault-events": "vault",
    "ioc-directory-events": "directory",
    "ioc-directory": "directory",
    "ioc-directory-cleared": "directory",
}
"""Our confidential clients at Keycloak, and which process has the key."""
FORGEABLE = {
    "opaque-ids": "every cursor and opaque id that an app holds",
    "media-links": "every signed link to a photo or document",
    "queue-keys": "every request to the directory that waits",
    "realm-keys": "every session at Keycloak: everybody signs in anew",
}
"""With these a thief makes what is accepted: then the old key is dropped at once, and with it this ends. Who
has a key that seals reads what was sealed under it, whether it is dropped or not."""


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
        following = _following(file)
        accept = [Step(f"{reader} accepts it", self.reloader(reader)) for reader in key.readers]
        use = [Step(f"{reader} uses it", self.reloader(reader)) for reader in reversed(key.readers)]
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
            *(self._shown_by(openbao.its.name) for openbao in self.stack.openbaos),
            Step("relay", self.reloader("relay")),
            Step("vault", self.reloader("vault")),
            Step("the witness", lambda: self.stack.supervisor.restart(self.stack.witness.part())),
            Step("the vault's relay", self.reloader("vault_relay")),
            Step("the SOC's receiver", lambda: self.stack.supervisor.restart(self.stack.soc.part())),
            Step("mail", lambda: self.stack.supervisor.restart(self.stack.mail.part())),
        ]

    def _shown_by(self, openbao: str) -> Step:
        return Step(f"{openbao} shows its own", lambda: self.stack.supervisor.send(openbao, signal.SIGHUP))

    def realm_keys(self) -> list[Step]:
        """New keys sign; the old ones stay, so that what they signed is accepted until it ends."""
        keys = self.stack.keycloak_keys
        return [Step(f"New signing keys of {realm}", partial(keys.renew_realm, realm)) for realm in REALMS]

    def client_keys(self) -> list[Step]:
        """Keycloak takes both public halves, the process uses the new key, Keycloak takes that alone."""
        files = {client: self.stack.home.secret(f"keycloak-{client}.pem") for client in CLIENT_READERS}
        trust, readers = self.stack.keycloak_keys.trust, sorted(set(CLIENT_READERS.values()))

        def trust_what_lies_there(client: str) -> None:
            trust(client, [files[client], *accepted_files(files[client])])

        def trust_one(client: str) -> None:
            for old in self._old(files[client].name):
                old.unlink()
            trust(client, [files[client]])

        return [
            *(Step(f"A new key of {one}", partial(_stage_key, files[one])) for one in files),
            *(Step(f"Keycloak takes it of {one} too", partial(trust_what_lies_there, one)) for one in files),
            *(Step(f"It takes its place: {one}", partial(_put_in_place, files[one])) for one in files),
            *(Step(f"{one} uses it", self.reloader(one)) for one in readers),
            *(Step(f"Keycloak takes it alone of {one}", partial(trust_one, one)) for one in files),
        ]

    def queue_keys(self) -> list[Step]:
        """The directory takes the new public halves beside the old ones, which go with `forget`."""
        files = {name: self.stack.home.secret(f"queue-{name}.pem") for name in QUEUE_SIGNERS}
        return [
            *(
                Step(f"A new key of {name}", partial(signing_key, _next_of(file)))
                for name, file in files.items()
            ),
            Step("directory takes them too", self._directory_takes_what_lies_there),
            *(
                Step(f"{name} has its own", partial(_take_signing_place, file))
                for name, file in files.items()
            ),
            *(Step(f"{name} uses it", self.reloader(name)) for name in QUEUE_SIGNERS),
            Step("directory finds them in their places", self._directory_takes_what_lies_there),
        ]

    def forget(self, now: datetime | None = None) -> list[Step]:
        """Old keys whose window is over."""
        now = now or datetime.now(UTC)
        steps = [
            Step(f"{old.name} is removed", partial(old.unlink, missing_ok=True))
            for name, key in SHARED_KEYS.items()
            for old in self._old(name)
            if _laid_aside(old) + key.window < now
        ]
        steps += self._forget_queue_keys(
            [old for old in self._old_queue_keys() if _laid_aside(old) + REQUEST_LIFE < now]
        )
        return steps + self._forget_realm_keys(
            [key for key in self.stack.keycloak_keys.retired() if key.needed_until < now]
        )

    def drop(self, name: str) -> list[Step]:
        """The old keys of one of FORGEABLE at once, window or not: somebody else has them.

        What was made under them is refused from then on: cursors and links, requests of the directory that
        wait, everybody's sessions at Keycloak.
        """
        if name == "queue-keys":
            return self._forget_queue_keys(self._old_queue_keys())
        if name == "realm-keys":
            # Who has a key set remembers it for minutes.
            return [
                *self._forget_realm_keys(self.stack.keycloak_keys.retired()),
                *(Step(f"{one} forgets them", self.reloader(one)) for one in ("api", "vault")),
            ]
        return [
            Step(f"The old {name} is removed", partial(self._remove_old, name)),
            *(Step(f"{one} takes it no more", self.reloader(one)) for one in SHARED_KEYS[name].readers),
        ]

    def _old(self, name: str) -> list[Path]:
        return sorted(self.stack.home.secret(name).parent.glob(f"{name}.old-*"))

    def _old_queue_keys(self) -> list[Path]:
        return [old for name in QUEUE_SIGNERS for old in self._old(f"queue-{name}.pub.pem")]

    def _remove_old(self, name: str) -> None:
        for old in self._old(name):
            old.unlink()

    def _forget_queue_keys(self, old: list[Path]) -> list[Step]:
        removed = [Step(f"{one.name} is removed", partial(one.unlink, missing_ok=True)) for one in old]
        return (
            [*removed, Step("directory takes them no more", self._directory_takes_what_lies_there)]
            if old
            else []
        )

    def _forget_realm_keys(self, retired: list[RetiredKey]) -> list[Step]:
        remove = self.stack.keycloak_keys.remove
        return [Step(f"{key.name} of {key.realm} is removed", partial(remove, [key])) for key in retired]

    def _directory_takes_what_lies_there(self) -> None:
        self.stack.services.write_settings()
        self.reloader("directory")()

    def reload_api(self) -> None:
        """New serving processes follow the old ones, which end what is under way. Raises StackError."""
        main = psutil.Process(self.stack.supervisor.process("api").pid)
        # Before the signal: a new process may be there at once, and would be waited for as an old one.
        old = {child.pid for child in main.children()}
        self.stack.supervisor.send("api", signal.SIGHUP)
        until = time.monotonic() + API_SECONDS
        while old & _alive_children(main):
            if time.monotonic() > until:
                raise StackError(
                    "api", "an old process still serves", "read its log", self.stack.home.log("api")
                )
            time.sleep(0.2)

    def reloader(self, part: str) -> Callable[[], object]:
        """What makes a part read its files again."""
        if part == "api":
            return self.reload_api
        found = next(one for one in self.stack.services.parts() if one.name == part)
        return lambda: self.stack.supervisor.restart(found)

    def _renew_certificates(self) -> None:
        folder = self.stack.home.folder / "tls"
        certificates.renew(folder)


def _alive_children(main: psutil.Process) -> set[int]:
    alive = set()
    for child in main.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended since
            if child.status() != psutil.STATUS_ZOMBIE:
                alive.add(child.pid)
    return alive


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


def _stage_key(file: Path) -> None:
    new_signing_key(_following(file))


def _put_in_place(file: Path) -> None:
    _take_place(file, _following(file))


def _following(file: Path) -> Path:
    return file.with_name(f"{file.name}.next")


def _laid_aside(old: Path) -> datetime:
    return moment(old.name.rpartition("old-")[2])


def _next_of(file: Path) -> Path:
    return file.with_name(f"{file.stem}.next.pem")


def _take_signing_place(file: Path) -> None:
    """The old private key is gone then; its public half is laid aside for what it has signed."""
    following = _next_of(file)
    if following.exists():
        public = signing_key(file)
        shutil.copyfile(public, public.with_name(f"{public.name}.old-{stamp(datetime.now(UTC))}"))
        following.replace(file)
        signing_key(file)
        following.with_name(f"{following.stem}.pub.pem").unlink()
