"""A witness as a process, and logs whose keys a test has."""

import base64
import contextlib
import hashlib
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from foundation.settings import WitnessSettings
from stack.certificates import Authority, Pair
from stack.home import ROOT
from tests.verifier.vectors import slow_proof, slow_root
from verifier import notes
from verifier.checkpoints import Checkpoint, Cosigner
from verifier.cosigning import Cosigning, KnownLog
from verifier.store import Store

BASE = "ioc.hanoi.gov.vn/log/vault"
ORIGIN = f"{BASE}/1"
NAME = "witness.example/w1"
DEADLINE = 60.0


def key_of(name: str) -> Ed25519PrivateKey:
    """A key that a test can make again."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public_of(key: Ed25519PrivateKey) -> bytes:
    """The 32 octets."""
    return key.public_key().public_bytes_raw()


LOG_KEY, WITNESS_KEY = key_of("the log"), key_of("the witness")
COSIGNER = Cosigner(NAME, public_of(WITNESS_KEY))


@dataclass
class Log:
    """A small log, or a fork of one."""

    entries: list[bytes] = field(default_factory=list)
    origin: str = ORIGIN
    key: Ed25519PrivateKey = LOG_KEY

    @classmethod
    def of(cls, size: int, mark: bytes = b"", **more: str) -> "Log":
        """Entries 0 .. size-1; those of another mark are another log's."""
        return cls([b"%d%s" % (number, mark) for number in range(size)], **more)

    def checkpoint(self, size: int) -> Checkpoint:
        """Of the first `size` entries."""
        return Checkpoint(self.origin, size, slow_root(self.entries[:size]))

    def note(self, size: int) -> str:
        """As the log signs it."""
        return notes.sign(self.checkpoint(size).text, self.origin, [self.key])

    def request(self, old: int, size: int, proof: Sequence[bytes] | None = None) -> bytes:
        """The body of add-checkpoint."""
        if proof is None:
            proof = [] if old == 0 else slow_proof(old, self.entries[:size])
        return request(str(old), proof, self.note(size))


def request(old: str, proof: Sequence[bytes], note: str) -> bytes:
    """A body of any parts."""
    lines = [f"old {old}", *(base64.b64encode(node).decode() for node in proof)]
    return ("\n".join(lines) + "\n\n" + note).encode()


def cosigning(store: Store, now: int = 1_800_000_000) -> Cosigning:
    """A witness's decisions without its HTTP."""
    return Cosigning(NAME, WITNESS_KEY, [KnownLog(BASE, public_of(LOG_KEY))], store, lambda: now)


@dataclass
class WitnessProcess:
    """`python -m verifier.witness` with a key, a store and certificates of its own."""

    folder: Path
    log_key: Ed25519PrivateKey = LOG_KEY
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def __post_init__(self) -> None:
        for name in ("tls", "witness"):
            (self.folder / name).mkdir(mode=0o700)
        self.authority = Authority(self.folder / "tls", "witness-ca", "witness")
        self.authority.ensure()
        self.server: Pair = self.authority.server("witness")
        self.client: Pair = self.authority.client("relay", "relay.vault.ioc.internal")
        self.public_file = self.folder / "witness.pub.pem"
        write_key(self.folder / "witness.pem", self.public_file, WITNESS_KEY)
        write_key(self.folder / "log.pem", self.folder / "log.pub.pem", self.log_key)
        self.store = self.folder / "witness" / "store"

    @property
    def settings_file(self) -> Path:
        """The witness's settings."""
        file = self.folder / "witness.toml"
        file.write_text(
            f"""
name = "{NAME}"
key_file = "{self.folder}/witness.pem"
store_folder = "{self.store}"
listen_host = "127.0.0.1"
listen_port = {self.port}
[tls]
certificate_file = "{self.server.certificate}"
key_file = "{self.server.key}"
client_ca_file = "{self.authority.certificate}"
[[logs]]
origin = "{BASE}"
public_key_file = "{self.folder}/log.pub.pem"
""",
            encoding="utf-8",
        )
        return file

    @property
    def output(self) -> Path:
        """What it says."""
        return self.folder / "witness.log"

    def command(self, *more: str) -> list[str]:
        """Its command line."""
        return [sys.executable, "-m", "verifier.witness", "--settings", str(self.settings_file), *more]

    def initialise(self) -> None:
        """Make the store."""
        subprocess.run(self.command("--init"), cwd=ROOT, check=True)

    def start(self) -> None:
        """Start and wait until it listens; it keeps the port of its first start."""
        said = self.output.read_bytes().count(b"witness_started") if self.output.exists() else 0
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(self.command(), cwd=ROOT, stderr=output)
        end = time.monotonic() + DEADLINE
        while self.output.read_bytes().count(b"witness_started") == said:
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < end, "the witness does not start"
            time.sleep(0.05)
        line = [line for line in self.output.read_text().splitlines() if "witness_started" in line][-1]
        self.port = int(line.partition('"port": ')[2].partition("}")[0])

    def stop(self) -> int:
        """SIGTERM; its exit code. Nothing if it does not run."""
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.process.wait(DEADLINE)
        self.process = None
        return code

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(DEADLINE)
        self.process = None

    def settings(self) -> WitnessSettings:
        """How the relay reaches it."""
        return WitnessSettings(
            url=f"https://localhost:{self.port}",
            name=NAME,
            public_key_file=self.public_file,
            ca_file=self.authority.certificate,
            certificate_file=self.client.certificate,
            key_file=self.client.key,
        )

    @contextlib.contextmanager
    def caller(self, certificate: Pair | None = None) -> Iterator[httpx.Client]:
        """Somebody with the relay's certificate, or another."""
        tls = self.tls(certificate)
        url = f"https://localhost:{self.port}"
        with httpx.Client(base_url=url, verify=tls, timeout=DEADLINE, trust_env=False) as client:
            yield client

    def tls(self, certificate: Pair | None = None) -> ssl.SSLContext:
        """A caller's."""
        pair = certificate or self.client
        tls = ssl.create_default_context(cafile=self.authority.certificate)
        tls.load_cert_chain(pair.certificate, pair.key)
        return tls


def write_key(private: Path, public: Path, key: Ed25519PrivateKey) -> None:
    """Both halves as PEM."""
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
