"""A system brought back to a moment: made anew beside what there is, checked, and then put in place.

Nothing of the present system is touched before the new one is whole; what it replaces is set aside.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import sql

from recovery.files import bring_media, media_names
from recovery.repository import BackupProblem, Manifest, Repository, Restored, stamp
from recovery.sealed import SealBroken, unpack
from stack import after_restore
from stack.backups import broken, verify
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import CONFIGURATION, Home
from stack.ports import Ports
from stack.postgres import PostgresCluster
from stack.recovering import Recovery
from stack.secret_files import password
from stack.services import CITIZENS, OFFICIALS, issuer_of

_CLUSTERS = ("backend", "keycloak", "vault")
_SETTLED = ("backend", "keycloak", "vault")
_PLACED = ("media", *CONFIGURATION)
_GONE = ("spool", "settings")
"""Of the system before: made anew at the next start."""


@dataclass
class Report:
    """What was done."""

    to: datetime
    backup_id: str
    done: dict[str, Any] = field(default_factory=dict)
    media: int = 0
    lost_media: int = 0
    set_aside: Path | None = None
    other_secrets: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Restore:
    """One restore of `stack`'s home from `repository`, sealed under `key_file`."""

    stack: EmbeddedStack
    repository: Repository
    key_file: Path
    to: datetime | None = None
    overwrite: bool = False
    known: str | None = None
    """The newest backup that is known from elsewhere: a repository without it is an older one."""

    @property
    def _home(self) -> Home:
        return self.stack.home

    @property
    def _scratch(self) -> Home:
        return Home(self._home.folder / "restoring")

    def run(self) -> Report:
        """Do it. Raises StackError; then the system is as it was, though stopped."""
        with self.stack.supervisor.alone():
            self._check()
            try:
                manifest, to, newest = self._choose()
                verify(self.stack, self.repository, manifest)
                with self._made_anew():
                    return self._restore(manifest, to, newest)
            except SealBroken as error:
                raise broken(error) from error
            except BackupProblem as error:
                raise StackError("restore", str(error), "./ioc backup list shows what there is") from error

    def _check(self) -> None:
        alive = [part.name for part in self.stack.supervisor.running() if part.identity.is_alive()]
        if alive and not self.overwrite:
            raise StackError(
                "restore", f"the system runs: {', '.join(alive)}", "./ioc down first; or --overwrite stops it"
            )
        there = [cluster.name for cluster in self.stack.clusters if cluster.data.exists()]
        if there and not self.overwrite:
            raise StackError(
                "restore",
                f"there is data of the clusters {', '.join(there)} in {self._home.folder}",
                "--overwrite sets it aside, it is not deleted",
            )
        if alive:
            with self.stack.step("Stopping"):
                self.stack.supervisor.stop()

    def _choose(self) -> tuple[Manifest, datetime, datetime]:
        if self.known is not None:
            self.repository.check_reaches(self.known)
        newest = self.repository.newest_of(list(_CLUSTERS))
        to = self.to or newest
        if to > newest:
            raise BackupProblem(f"the archive reaches until {newest.isoformat()}")
        return self.repository.choose(to), to, newest

    @contextmanager
    def _made_anew(self) -> Iterator[None]:
        """The scratch home, gone at the end."""
        self._forget()
        self._scratch.prepare()
        try:
            yield
        finally:
            self._forget()

    def _forget(self) -> None:
        for home in (self._scratch, Home(self._scratch.folder / "newest")):
            for name in _CLUSTERS:
                PostgresCluster(home, name).remove()
            home.remove_sockets()
        shutil.rmtree(self._scratch.folder, ignore_errors=True)

    def _restore(self, manifest: Manifest, to: datetime, newest: datetime) -> Report:
        report = Report(to, manifest.id)
        with self.stack.step("Secrets and certificates"):
            name = self.repository.configuration_of(to)
            unpack(self.repository.keys, self.repository.folder, name, self._scratch.folder)
            self._keep_backup_keys()
            report.other_secrets = self._other_secrets()
        taken: dict[str, Any] = {}
        if to < newest:
            taken = self._taken(manifest, newest)
        wanted: set[str] = set()
        for cluster in _CLUSTERS:
            wanted |= self._recover(manifest, cluster, to, taken, report)
        with self.stack.step("Media"):
            self._bring_media(wanted, report)
        with self.stack.step("Into place"):
            self._place(report)
            done = Restored(to, datetime.now(UTC))
            self.repository.write_value(f"restores/{stamp(done.at)}", done)
        return report

    def _taken(self, manifest: Manifest, newest: datetime) -> dict[str, Any]:
        """What was taken away by the newest moment: recovered for this question alone."""
        home = Home(self._scratch.folder / "newest")
        home.prepare()
        asked = {
            "backend": after_restore.taken_from_backend,
            "keycloak": after_restore.taken_from_keycloak,
            "vault": after_restore.taken_from_vault,
        }
        taken: dict[str, Any] = {}
        for name in _SETTLED:
            with self.stack.step(f"Taken away since: {name}"):
                recovery = Recovery(
                    home, name, manifest.clusters[name], self.repository, newest, self.stack.durable
                )
                recovery.bring()
                with recovery.recovered() as cluster:
                    taken[name] = asked[name](cluster)
                cluster.remove()
        return taken

    def _recover(
        self, manifest: Manifest, name: str, to: datetime, taken: dict[str, Any], report: Report
    ) -> set[str]:
        """Bring one cluster to the moment; the ids of the media that it names."""
        recovery = Recovery(
            self._scratch, name, manifest.clusters[name], self.repository, to, self.stack.durable
        )
        with self.stack.step(f"Base backup and WAL: {name}"):
            recovery.bring()
        wanted: set[str] = set()
        with self.stack.step(f"Replayed: {name}"), recovery.recovered() as cluster:
            if name == "backend":
                known = taken.get(name) or after_restore.taken_from_backend(cluster)
                # The addresses that were backed up, not those of a home in which nothing ever was.
                ports = Ports.kept(self._scratch.folder, None)
                issuers = [issuer_of(ports, realm) for realm in (CITIZENS, OFFICIALS)]
                event = f"restore:{stamp(datetime.now(UTC))}"
                report.done[name] = after_restore.settle_backend(cluster, known, issuers, event)
                wanted = after_restore.media_of(cluster)
            elif name == "keycloak":
                report.done[name] = after_restore.settle_keycloak(cluster, taken.get(name))
            elif name == "vault":
                known = taken.get(name) or after_restore.taken_from_vault(cluster)
                report.done[name] = after_restore.settle_vault(cluster, known)
            _set_superuser(cluster)
        return wanted

    def _bring_media(self, wanted: set[str], report: Report) -> None:
        """The objects that the restored database names; newer ones stay in the repository."""
        names = [name for name in media_names(self.repository) if name.split("/")[-2] in wanted]
        report.media = bring_media(self.repository, names, self._scratch.folder / "media")
        report.lost_media = len(wanted - {name.split("/")[-2] for name in names})

    def _place(self, report: Report) -> None:
        aside = self._home.folder / f"replaced-{stamp(datetime.now(UTC))}"
        for cluster in self.stack.clusters:
            if cluster.data.exists():
                report.set_aside = aside
                _move(cluster.data, cluster.data.with_name(f"{cluster.name}.{aside.name}"))
            made = PostgresCluster(self._scratch, cluster.name)
            cluster.data.parent.mkdir(parents=True, exist_ok=True)
            _move(made.data, cluster.data)
        for name in _PLACED:
            old, new = self._home.folder / name, self._scratch.folder / name
            if old.exists():
                aside.mkdir(mode=0o700, exist_ok=True)
                report.set_aside = aside
                _move(old, aside / name)
            if new.exists():
                _move(new, old)
        for openbao in self.stack.openbaos:
            if openbao.data.exists():
                report.set_aside = aside
                openbao.set_aside(aside)
        for name in _GONE:
            shutil.rmtree(self._home.folder / name, ignore_errors=True)

    def _keep_backup_keys(self) -> None:
        for file in (self.key_file, *self.key_file.parent.glob(f"{self.key_file.name}.old-*")):
            suffix = file.name.removeprefix(self.key_file.name)
            target = self._scratch.backup_key.with_name(self._scratch.backup_key.name + suffix)
            shutil.copyfile(file, target)
            target.chmod(0o600)

    def _other_secrets(self) -> list[str]:
        """Secrets that have changed since: whoever changed them for a reason has to do it again."""
        then, now = self._scratch.folder / "secrets", self._home.folder / "secrets"
        return [
            file.name
            for file in sorted(then.iterdir())
            if (now / file.name).exists() and (now / file.name).read_bytes() != file.read_bytes()
        ]


def _set_superuser(cluster: PostgresCluster) -> None:
    """The password in its file, whatever it was at the moment. Other roles get theirs at the next start."""
    with cluster.connect() as connection:
        plain = password(cluster.password_file(cluster.superuser)).encode()
        verifier = connection.pgconn.encrypt_password(
            plain, cluster.superuser.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(cluster.superuser), sql.Literal(verifier)
            )
        )


def _move(source: Path, target: Path) -> None:
    shutil.move(source, target)


def parse_moment(text: str) -> datetime:
    """A moment as people write it: RFC 3339, with its zone. Raises StackError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise StackError("restore", f"{text} is no moment", "write it as 2026-11-27T10:15:00Z") from error
    if at.tzinfo is None:
        raise StackError("restore", f"{text} has no zone", "write it as 2026-11-27T10:15:00Z or …+07:00")
    if at > datetime.now(UTC) + timedelta(seconds=1):
        raise StackError("restore", f"{text} is still to come", "choose a moment of before")
    return at
