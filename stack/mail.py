"""The mail double: what Keycloak sends lies in HOME/mail, one .eml file a message."""

import sys
from dataclasses import dataclass
from pathlib import Path

from stack.certificates import Certificates
from stack.home import ROOT, Home
from stack.ports import Ports, listens
from stack.secret_files import password
from stack.supervisor import Part

_SOURCE = ROOT / "deploy" / "local" / "mail"
USER = "keycloak"
WORKER_USER = "ioc-worker"


@dataclass(frozen=True)
class MailDouble:
    """Stands for the city's mail server."""

    home: Home
    ports: Ports
    certificates: Certificates

    @property
    def folder(self) -> Path:
        """Where messages lie."""
        return self.home.folder / "mail"

    @property
    def password_file(self) -> Path:
        """The password of Keycloak's account. Keycloak's database knows it: it goes along with a snapshot."""
        return mail_password_file(self.home.folder)

    @property
    def worker_password_file(self) -> Path:
        """The password of our worker's account."""
        return self.home.secret("worker-mail")

    def prepare(self) -> None:
        """Make folder and passwords."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        password(self.password_file)
        password(self.worker_password_file)

    def part(self) -> Part:
        """The double as a part."""
        return Part("mail", self._command, lambda: listens(self.ports.mail), ready_seconds=30)

    def _command(self) -> list[str]:
        pair = self.certificates.mail
        return [
            sys.executable,
            str(_SOURCE / "receiver.py"),
            f"--port={self.ports.mail}",
            f"--folder={self.folder}",
            f"--certificate={pair.certificate}",
            f"--key={pair.key}",
            f"--account={USER}={self.password_file}",
            f"--account={WORKER_USER}={self.worker_password_file}",
        ]


def mail_password_file(home: Path) -> Path:
    """Where the password of Keycloak's account at the mail server lies."""
    return home / "secrets" / "keycloak-mail"
