"""What a witness must never forget: the newest checkpoint that it cosigned of each log.

A folder on a disk of the witness's own. A lost one can't be made good: a witness that has forgotten would
cosign another history. So it is made once, by hand, and nothing starts without it.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

_MARK = "witness-store"
_MOST_EVIDENCE = 100


class StoreError(Exception):
    """The store is not there, is held by another process, or is damaged."""


@dataclass(frozen=True, slots=True)
class Known:
    """The newest checkpoint of one log."""

    origin: str
    size: int
    root: bytes
    note: str


class Store:
    """One process holds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / _MARK).exists():
            raise StoreError(f"{folder} is no witness's store: make it once with --init, or bring it back")
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another process holds {folder}") from error
        self._known = {known.origin: known for known in map(_read, sorted(folder.glob("*.json")))}

    @staticmethod
    def initialise(folder: Path) -> None:
        """Make an empty store. Raises StoreError when there is one, whole or not."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty")
        _write(folder / _MARK, b"")

    def known(self, origin: str) -> Known | None:
        """What was cosigned last of a log."""
        return self._known.get(origin)

    def origins(self) -> list[str]:
        """Every log of which something was cosigned."""
        return list(self._known)

    def put(self, known: Known) -> None:
        """On disk when this returns, whatever happens then."""
        value = {
            "origin": known.origin,
            "size": known.size,
            "root": base64.b64encode(known.root).decode("ascii"),
            "note": known.note,
        }
        name = hashlib.sha256(known.origin.encode()).hexdigest()
        _write(self._folder / f"{name}.json", json.dumps(value).encode())
        self._known[known.origin] = known

    def keep_evidence(self, body: bytes) -> None:
        """What the log's own key signed and does not fit: for who asks later. The first hundred are kept."""
        folder = self._folder / "refused"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / hashlib.sha256(body).hexdigest()
        if not file.exists() and sum(1 for _ in folder.iterdir()) < _MOST_EVIDENCE:
            _write(file, body)

    def close(self) -> None:
        """Let another process have it."""
        self._lock.close()


def _read(file: Path) -> Known:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        root = base64.b64decode(value["root"], validate=True)
        return Known(value["origin"], int(value["size"]), root, value["note"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{file} is damaged") from error


def _write(file: Path, octets: bytes) -> None:
    draft = file.with_name(file.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(octets)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
