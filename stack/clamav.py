"""ClamAV's daemon, which says of each file that comes in whether it is known to be harmful."""

import os
import pwd
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from stack.accounts import Account
from stack.errors import StackError
from stack.home import ROOT, Home
from stack.packages import program
from stack.supervisor import Part

_SOURCE = ROOT / "deploy" / "local" / "clamav"
_ACCOUNT = "clamav"
"""Made by the package: what parses strangers' files has no other right."""


@dataclass(frozen=True)
class ClamAv:
    """The daemon with a signature of EICAR's test file alone."""

    home: Home

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / "clamd"

    @property
    def _folder(self) -> Path:
        return self.home.sockets / "clamav"

    @property
    def _configuration(self) -> Path:
        return self._folder / "clamd.conf"

    @property
    def account(self) -> Account:
        """Who it runs as: our own account, or as root the package's."""
        if os.geteuid() != 0:
            return Account()
        entry = pwd.getpwnam(_ACCOUNT)
        return Account(entry.pw_uid, entry.pw_gid)

    def prepare(self) -> None:
        """Write its configuration and signatures, where its own account reads them."""
        self.home.prepare_sockets()
        # Begun anew, and given away from the inside out: whoever took the daemon over could else put links in
        # the place of what is written and given away here, and own any file of the machine.
        shutil.rmtree(self._folder, ignore_errors=True)
        signatures = self._folder / "signatures"
        signatures.mkdir(mode=0o711, parents=True, exist_ok=True)
        shutil.copy(_SOURCE / "eicar.hdb", signatures / "eicar.hdb")
        values = {"database": signatures, "socket": self.socket}
        text = (_SOURCE / "clamd.conf.template").read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        self._configuration.write_text(text, encoding="utf-8")
        for path in (signatures / "eicar.hdb", signatures, self._configuration, self._folder):
            self.account.own(path)

    def part(self) -> Part:
        """The daemon as a part."""
        # Its account is taken before it starts: a process that changes its own outlives a killed parent.
        return Part(
            "clamav",
            self.command,
            self.answers,
            options=self.account.process_options(),
            ready_seconds=60,
            folder=Path("/"),
        )

    def command(self) -> list[str]:
        """How it is started. Raises StackError when it is not on the machine."""
        clamd = program("clamd")
        if clamd is None:
            raise StackError("clamav", "there is no clamd", "apt-get install -y clamav-daemon")
        return [clamd, "--config-file", str(self._configuration)]

    def answers(self) -> bool:
        """Whether it says PONG."""
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(2)
                asked.connect(str(self.socket))
                asked.sendall(b"zPING\0")
                return asked.recv(16) == b"PONG\0"
        except OSError:
            return False
