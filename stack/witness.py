"""The witness of the vault's log on one machine. Its key and its store lie apart, in no backup of ours.

A witness that proves anything to others has a machine and an operator of its own.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from foundation.settings import WitnessSettings
from stack.certificates import Certificates
from stack.home import Home
from stack.ports import Ports
from stack.supervisor import Part
from stack.vault_keys import VaultKeys, ed25519_key, public_pem
from verifier.store import Store

NAME = "ioc.hanoi.gov.vn/witness/local"
LOG = "ioc.hanoi.gov.vn/log/vault"
_SETTINGS = """\
name = {name}
key_file = {key}
store_folder = {store}
listen_host = "127.0.0.1"
listen_port = {port}
[tls]
certificate_file = {certificate}
key_file = {tls_key}
client_ca_file = {callers}
[[logs]]
origin = {origin}
public_key_file = {log_key}
"""


@dataclass(frozen=True)
class WitnessPart:
    """Key, store, settings and process."""

    home: Home
    ports: Ports
    certificates: Certificates

    @property
    def folder(self) -> Path:
        """Its own."""
        return self.home.folder / "witness"

    @property
    def public(self) -> Path:
        """Its public key (PEM)."""
        return self.folder / "witness.pub.pem"

    @property
    def _settings_file(self) -> Path:
        return self.folder / "witness.toml"

    def settings(self) -> WitnessSettings:
        """How the vault's relay reaches it."""
        pair = self.certificates.witness_client
        return WitnessSettings(
            url=f"https://localhost:{self.ports.witness}",
            name=NAME,
            public_key_file=self.public,
            ca_file=self.certificates.witness_authority,
            certificate_file=pair.certificate,
            key_file=pair.key,
        )

    def prepare(self) -> None:
        """Make key and store at the first start; write the settings. The log's key is there."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        key, store = self.folder / "key.pem", self.folder / "store"
        self.public.write_bytes(public_pem(ed25519_key(key)))
        if not store.exists():
            Store.initialise(store)
        pair = self.certificates.witness
        # A JSON string is one in TOML as well.
        text = _SETTINGS.format_map(
            {
                name: json.dumps(str(value), ensure_ascii=False)
                for name, value in {
                    "name": NAME,
                    "key": key,
                    "store": store,
                    "certificate": pair.certificate,
                    "tls_key": pair.key,
                    "callers": self.certificates.witness_authority,
                    "origin": LOG,
                    "log_key": VaultKeys(self.home).log_public,
                }.items()
            }
            | {"port": self.ports.witness}
        )
        self._settings_file.write_text(text, encoding="utf-8")

    def part(self) -> Part:
        """The witness as a part."""
        command = [sys.executable, "-m", "verifier.witness", "--settings", str(self._settings_file)]
        return Part("witness", lambda: command, self._says_started, ready_seconds=30)

    def _says_started(self) -> bool:
        return '"witness_started"' in self.home.log("witness").read_text(encoding="utf-8", errors="replace")
