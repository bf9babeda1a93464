"""Keycloak's database as it is right after its first import: tests begin there, not with an import.

For tests only: the demo people's secrets are part of it and lie in the cache (mode 0600).
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stack.home import PEOPLE, ROOT, Home
from stack.keycloak import BUILD_OPTIONS, ROLE, VERSION
from stack.ports import Ports
from stack.postgres import PostgresCluster, binaries
from stack.secret_files import password, write_secret

_INPUTS = (
    "deploy/keycloak/*.json",
    "backend/tenancy/data/*.csv",
    "stack/realms.py",
    "stack/keycloak_keys.py",
    "stack/realm_snapshot.py",
)
_API, _KEYCLOAK = "localhost:@api@", "localhost:@keycloak@"


@dataclass(frozen=True)
class RealmSnapshot:
    """One state of Keycloak's database, by what it was made from."""

    cache: Path

    @property
    def _folder(self) -> Path:
        digest = hashlib.sha256(" ".join([VERSION, *BUILD_OPTIONS]).encode())
        for pattern in _INPUTS:
            for file in sorted(ROOT.glob(pattern)):
                digest.update(file.read_bytes())
        digest.update(PEOPLE.read_bytes())
        return self.cache / f"realms-{digest.hexdigest()[:16]}"

    def exists(self) -> bool:
        """Whether there is one for the present realms."""
        return self._folder.exists()

    def bring_secrets(self, home: Home) -> None:
        """The people's and clients' secrets that the database knows, before the realms are rendered."""
        for file in (self._folder / "secrets").iterdir():
            shutil.copy(file, home.secret(file.name))

    def restore(self, cluster: PostgresCluster, ports: Ports) -> None:
        """Fill Keycloak's empty database. Its addresses get this stack's ports."""
        text = (self._folder / "keycloak.sql").read_text(encoding="utf-8")
        text = text.replace(_API, f"localhost:{ports.edge}").replace(_KEYCLOAK, f"localhost:{ports.keycloak}")
        # Not part of an address in the dump: a number in a row of its own.
        text += f"\nUPDATE public.realm_smtp_config SET value = '{ports.mail}' WHERE name = 'port';\n"
        _run(
            cluster,
            ["psql", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"],
            text,
        )

    def save(self, home: Home, cluster: PostgresCluster, ports: Ports) -> None:
        """Keep the database and its secrets for the next run."""
        text = _run(cluster, ["pg_dump"], "")
        text = text.replace(f"localhost:{ports.edge}", _API).replace(f"localhost:{ports.keycloak}", _KEYCLOAK)
        partial = self._folder.with_suffix(f".{os.getpid()}")
        write_secret(partial / "keycloak.sql", text.encode())
        (partial / "secrets").mkdir(mode=0o700)
        for file in (home.folder / "secrets").iterdir():
            if file.name == "people.json" or file.name.startswith("keycloak-"):
                shutil.copy(file, partial / "secrets")
        try:
            partial.rename(self._folder)
        except OSError:  # another run was faster
            shutil.rmtree(partial)


def _run(cluster: PostgresCluster, command: list[str], text: str) -> str:
    environment = {
        **os.environ,
        "PGHOST": str(cluster.sockets),
        "PGPORT": str(cluster.port),
        "PGDATABASE": ROLE,
        "PGUSER": ROLE,
        "PGPASSWORD": password(cluster.password_file(ROLE)),
    }
    program = str(binaries(cluster.account) / command[0])
    done = subprocess.run(
        [program, *command[1:]], check=True, env=environment, input=text, capture_output=True, text=True
    )
    return done.stdout
