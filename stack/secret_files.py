"""Secrets: made at the first start, readable by their owner only, never in git."""

import os
import secrets
from pathlib import Path

from joserfc.jwk import ECKey


def write_secret(path: Path, octets: bytes) -> None:
    """Write a new file of mode 0600. Raises FileExistsError rather than overwrite a secret."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)


def password(path: Path) -> str:
    """The password in `path`; made from 256 random bits when there is none yet."""
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(32).encode("ascii"))
    return path.read_text(encoding="ascii").strip()


def random_key(path: Path, size: int) -> None:
    """Make a key of `size` random bytes when there is none yet."""
    if not path.exists():
        write_secret(path, secrets.token_bytes(size))


def new_signing_key(path: Path) -> None:
    """Make an ES256 key (PEM) when there is none yet."""
    if not path.exists():
        write_secret(path, ECKey.generate_key("P-256").as_pem(private=True))


def signing_key(path: Path) -> Path:
    """Make an ES256 key (PEM) when there is none yet; the file of its public half, `<name>.pub.pem`."""
    new_signing_key(path)
    public = path.with_name(f"{path.stem}.pub.pem")
    public.write_bytes(ECKey.import_key(path.read_bytes()).as_pem(private=False))
    return public
