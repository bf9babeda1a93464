"""PostgreSQL refuses to run as root: then it gets a system account, which owns its data and nothing else."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.errors import StackError

NAME = "hanoi-ioc-pg"


@dataclass(frozen=True, slots=True)
class Account:
    """Who a child process runs as; `None` ids mean: as we do."""

    uid: int | None = None
    gid: int | None = None

    def process_options(self) -> dict[str, Any]:
        """Keyword arguments of subprocess.Popen that drop every right of the caller."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Make `path` this account's."""
        if self.uid is not None:
            os.chown(path, self.uid, self.gid if self.gid is not None else -1, follow_symlinks=False)

    def reaches(self, folder: Path) -> bool:
        """Whether this account may walk down to `folder` (its nearest existing ancestor counts)."""
        while not folder.exists():
            folder = folder.parent
        probe = ["/usr/bin/test", "-x", str(folder)]
        return subprocess.run(probe, check=False, cwd="/", **self.process_options()).returncode == 0


def database_account() -> Account:
    """The account for PostgreSQL: our own, or as root the system account, made when absent."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _create()
    return Account(entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise StackError(
            "postgres", "there is no `useradd` to make its account with", "apt-get install -y passwd"
        )
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    subprocess.run([*command, "--shell", "/usr/sbin/nologin", NAME], check=True)
    return pwd.getpwnam(NAME)
