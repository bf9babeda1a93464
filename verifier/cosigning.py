"""What a witness decides (C2SP tlog-witness, add-checkpoint). The HTTP around it is witness.py."""

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifier.checkpoints import Checkpoint, cosign, number, open_checkpoint, origin_of
from verifier.merkle import EMPTY_ROOT, HASH, MOST_NODES, ProofRefused, verify_consistency
from verifier.notes import NoteRefused, lines_of, unb64
from verifier.store import Known, Store

LONGEST = 64 * 1024
"""Octets of a request: 63 hashes and a note are far less."""
_EPOCH = re.compile(r"[1-9][0-9]{0,8}")
_SIZE_TYPE = "text/x.tlog.size"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: HTTPStatus
    body: str
    content_type: str = _TEXT


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log that is cosigned. Its checkpoints are those of the origins `origin`/1, /2 and so on.

    A restored database is a new log under the next number. Who has seen a number takes none below it.
    """

    origin: str
    public: bytes

    def epoch_of(self, origin: str) -> int | None:
        """The number at the end of `origin`, if it is one of this log's."""
        head, _, tail = origin.rpartition("/")
        return int(tail) if head == self.origin and _EPOCH.fullmatch(tail) else None


class _Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Cosigning:
    """Cosigns what continues the log that it has seen, and nothing else."""

    def __init__(
        self,
        name: str,
        key: Ed25519PrivateKey,
        logs: Iterable[KnownLog],
        store: Store,
        now: Callable[[], int],
    ) -> None:
        """`now`: seconds since 1970."""
        self._name = name
        self._key = key
        self._logs = list(logs)
        self._store = store
        self._now = now
        self._one_at_a_time = threading.Lock()

    def add_checkpoint(self, body: bytes) -> Answer:
        """The whole of a request's decision. What was cosigned is on disk before this returns."""
        try:
            old, proof, note = _parse(body)
            log, checkpoint = self._checkpoint_of(note)
            if old > checkpoint.size:
                raise _Refused(Answer(HTTPStatus.BAD_REQUEST, "the old size is above the new one\n"))
            with self._one_at_a_time:
                self._require_newest_epoch(log, checkpoint)
                self._require_continuation(old, proof, checkpoint, body)
                self._store.put(Known(checkpoint.origin, checkpoint.size, checkpoint.root, note))
                line = cosign(checkpoint.text, self._name, self._key, self._now())
        except _Refused as refused:
            return refused.answer
        return Answer(HTTPStatus.OK, line)

    def _checkpoint_of(self, note: str) -> tuple[KnownLog, Checkpoint]:
        try:
            origin = origin_of(note)
        except NoteRefused as error:
            raise _Refused(Answer(HTTPStatus.BAD_REQUEST, "not a checkpoint\n")) from error
        log = next((one for one in self._logs if one.epoch_of(origin) is not None), None)
        if log is None:
            raise _Refused(Answer(HTTPStatus.NOT_FOUND, "an unknown log\n"))
        try:
            return log, open_checkpoint(note, origin, log.public)
        except NoteRefused as error:
            raise _Refused(Answer(HTTPStatus.FORBIDDEN, "not signed by the log\n")) from error

    def _require_newest_epoch(self, log: KnownLog, checkpoint: Checkpoint) -> None:
        epoch = log.epoch_of(checkpoint.origin)
        seen = [log.epoch_of(origin) for origin in self._store.origins()]
        if epoch is None or any(other is not None and other > epoch for other in seen):
            raise _Refused(Answer(HTTPStatus.FORBIDDEN, "the log goes on under a later number\n"))

    def _require_continuation(
        self, old: int, proof: list[bytes], checkpoint: Checkpoint, body: bytes
    ) -> None:
        known = self._store.known(checkpoint.origin)
        size, root = (0, EMPTY_ROOT) if known is None else (known.size, known.root)
        if old != size:
            raise _Refused(Answer(HTTPStatus.CONFLICT, f"{size}\n", _SIZE_TYPE))
        if checkpoint.size == size and checkpoint.root != root:
            self._store.keep_evidence(body)
            raise _Refused(Answer(HTTPStatus.CONFLICT, f"{size}\n", _SIZE_TYPE))
        try:
            verify_consistency(size, root, checkpoint.size, checkpoint.root, proof)
        except ProofRefused as error:
            self._store.keep_evidence(body)
            raise _Refused(Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "not a continuation\n")) from error


def _parse(body: bytes) -> tuple[int, list[bytes], str]:
    try:
        if len(body) > LONGEST:
            raise NoteRefused("a long request")
        head, separator, note = body.decode("utf-8").partition("\n\n")
        first, *nodes = lines_of(head + "\n")
        if not separator or not first.startswith("old ") or len(nodes) > MOST_NODES:
            raise NoteRefused("not a request")
        proof = [unb64(node) for node in nodes]
        if any(len(node) != HASH for node in proof):
            raise NoteRefused("not a hash")
        return number(first.removeprefix("old ")), proof, note
    except (NoteRefused, UnicodeDecodeError) as error:
        raise _Refused(Answer(HTTPStatus.BAD_REQUEST, "not a request\n")) from error
