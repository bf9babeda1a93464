"""The SOC's side, as far as it can be had on one machine: a private rsyslog that receives over mutual TLS."""

import sys
from dataclasses import dataclass
from pathlib import Path

from stack.certificates import RELAY_NAME, VAULT_RELAY_NAME, Certificates
from stack.errors import StackError
from stack.home import ROOT, Home
from stack.packages import program
from stack.ports import Ports, listens
from stack.supervisor import Part

_SOURCE = ROOT / "deploy" / "rsyslog"


@dataclass(frozen=True)
class SocReceiver:
    """rsyslog, whose file stands for everything the SOC knows."""

    home: Home
    ports: Ports
    certificates: Certificates

    @property
    def file(self) -> Path:
        """One audit event a line."""
        return self.home.folder / "soc" / "audit.jsonl"

    @property
    def _configuration(self) -> Path:
        return self.home.folder / "soc" / "rsyslog.conf"

    @property
    def _pid_file(self) -> Path:
        return self.home.folder / "run" / "rsyslogd.pid"

    def prepare(self) -> None:
        """Write the configuration from its template."""
        work = self.home.folder / "soc" / "work"
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        values = {
            "work": work,
            "port": self.ports.soc,
            "ca": self.certificates.soc_authority,
            "certificate": self.certificates.soc.certificate,
            "key": self.certificates.soc.key,
            "permitted_peers": f'"{RELAY_NAME}", "{VAULT_RELAY_NAME}"',
            "sink": _SOURCE / "sink.py",
            "python": sys.executable,
            "file": self.file,
        }
        text = (_SOURCE / "receiver.conf.template").read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        self._configuration.write_text(text, encoding="utf-8")

    def part(self) -> Part:
        """The receiver as a part."""
        return Part("soc", self._command, lambda: listens(self.ports.soc), ready_seconds=30)

    def _command(self) -> list[str]:
        rsyslogd = program("rsyslogd")
        if rsyslogd is None:
            raise StackError(
                "soc", "there is no rsyslogd", "apt-get install -y rsyslog rsyslog-relp rsyslog-openssl"
            )
        self._pid_file.unlink(missing_ok=True)  # one left by a kill would stop the next start
        return [rsyslogd, "-n", "-f", str(self._configuration), "-i", str(self._pid_file)]
