"""Where a running stack keeps its things, and the short directory of its sockets."""

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError

ROOT = Path(__file__).resolve().parent.parent
PEOPLE = ROOT / "deploy" / "local" / "people.yaml"

OPENBAO_SNAPSHOT = "openbao-snapshot"
CONFIGURATION = ("secrets", "tls", "ports.json", OPENBAO_SNAPSHOT)
"""What is backed up beside databases and media: without it those are no system."""
REPOSITORY_VARIABLE = "IOC_BACKUPS"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one stack."""

    folder: Path

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that tell this home from another on the machine."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]

    @property
    def sockets(self) -> Path:
        """A socket's path has at most 107 bytes (unix(7)): so not below `folder`."""
        return Path(f"/tmp/ioc-{self.digest}")  # noqa: S108 - its owner is checked in `prepare_sockets`

    def prepare(self) -> None:
        """Make the folders."""
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        for name in ("tls", "secrets", "settings", "logs", "run", "keycloak", "soc", "cache"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    def prepare_sockets(self) -> None:
        """Make the socket directory. Raises StackError when somebody else holds its name."""
        self.sockets.mkdir(mode=0o711, exist_ok=True)
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise StackError(
                "postgres", f"{self.sockets} belongs to somebody else", f"remove {self.sockets} and try again"
            )

    def remove_sockets(self) -> None:
        """Remove the socket directory; its servers have stopped."""
        shutil.rmtree(self.sockets, ignore_errors=True)

    def secret(self, name: str) -> Path:
        """A secret's file."""
        return self.folder / "secrets" / name

    @property
    def repository(self) -> Path:
        """Where backups go: the folder that IOC_BACKUPS names, else one in the home."""
        return Path(os.environ.get(REPOSITORY_VARIABLE) or self.folder / "backups").resolve()

    @property
    def backup_key(self) -> Path:
        """What opens the backups. A copy must lie elsewhere."""
        return self.secret("backup-key")

    @property
    def noted_backup(self) -> Path:
        """The newest backup's id, noted apart from the backups: whoever exchanges those does not reach it."""
        return self.folder / "newest-backup"

    def log(self, part: str) -> Path:
        """What a part prints."""
        return self.folder / "logs" / f"{part}.log"
