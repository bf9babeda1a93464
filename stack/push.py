"""Google's push service as a double: what it took lies in HOME/push.jsonl, one message a line."""

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import RSAKey

from foundation.settings import PushSettings
from stack.home import ROOT, Home
from stack.ports import Ports, listens
from stack.secret_files import write_secret
from stack.supervisor import Part

_SOURCE = ROOT / "deploy" / "local" / "fcm" / "server.py"
PROJECT = "hanoi-ioc-demo"


@dataclass(frozen=True)
class FcmDouble:
    """Stands for Firebase Cloud Messaging."""

    home: Home
    ports: Ports

    @property
    def file(self) -> Path:
        """What was pushed."""
        return self.home.folder / "push.jsonl"

    @property
    def url(self) -> str:
        """Where it listens, on the loopback alone."""
        return f"http://127.0.0.1:{self.ports.fcm}"

    @property
    def account(self) -> Path:
        """The key of the one service account."""
        return self.home.secret("fcm-account.json")

    def settings(self) -> PushSettings:
        """How the worker pushes."""
        return PushSettings(account_file=self.account, url=self.url)

    def prepare(self) -> None:
        """Make the account, unless it is there."""
        if self.account.exists():
            return
        account = new_account(PROJECT, f"{self.url}/token")
        write_secret(self.account, json.dumps(account).encode())

    def part(self) -> Part:
        """The double as a part."""
        return Part("fcm", self._command, lambda: listens(self.ports.fcm), ready_seconds=30)

    def _command(self) -> list[str]:
        return [
            sys.executable,
            str(_SOURCE),
            f"--port={self.ports.fcm}",
            f"--account={self.account}",
            f"--file={self.file}",
        ]


def new_account(project: str, token_uri: str) -> dict[str, str]:
    """A service account's key, as Google hands one out."""
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": secrets.token_hex(20),
        "private_key": RSAKey.generate_key(2048).as_pem(private=True).decode(),
        "client_email": f"ioc-push@{project}.iam.gserviceaccount.com",
        "client_id": str(secrets.randbelow(10**21)),
        "token_uri": token_uri,
    }
