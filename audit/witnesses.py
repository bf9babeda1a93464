"""Asks a witness for its cosignature (C2SP tlog-witness), and takes none that is not its own."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import httpx

from foundation.clock import Clock
from verifier.checkpoints import Cosigner, number, verify_cosignature
from verifier.notes import NoteRefused, line_of, signature_of, signatures_of

SKEW = timedelta(minutes=5)
"""How far a witness's clock may be from ours: a cosignature from further back is an old one, shown again."""


class WitnessError(Exception):
    """There is no cosignature. The message has no octets of the answer."""


class WitnessAway(WitnessError):
    """Nobody answers, or not as a witness does. Asked again later."""


class WitnessRefused(WitnessError):
    """The witness does not cosign this: an alarm, for it has seen another log than ours."""


class WitnessKnows(WitnessError):
    """The witness has cosigned another size than was told."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the witness knows {size} leaves")
        self.size = size


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's verified line over a checkpoint."""

    line: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness; `http` has its address, the certificates and a time limit."""

    cosigner: Cosigner
    http: httpx.AsyncClient
    clock: Clock

    async def add_checkpoint(self, old: int, proof: Sequence[bytes], note: str) -> Cosignature:
        """Show a checkpoint with the proof that the tree of `old` is its beginning. Raises WitnessError."""
        lines = [f"old {old}", *(base64.b64encode(node).decode("ascii") for node in proof)]
        body = "".join(f"{line}\n" for line in lines) + "\n" + note
        try:
            answer = await self.http.post("add-checkpoint", content=body.encode())
        except httpx.HTTPError as error:
            raise WitnessAway(type(error).__name__) from error
        if answer.status_code == HTTPStatus.OK:
            return self._checked(note, answer)
        if answer.status_code == HTTPStatus.CONFLICT:
            raise _conflict(answer, old)
        if answer.is_client_error and answer.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            raise WitnessRefused(f"status {answer.status_code}")
        raise WitnessAway(f"status {answer.status_code}")

    def _checked(self, note: str, answer: httpx.Response) -> Cosignature:
        try:
            name, key_id = self.cosigner.name, self.cosigner.key_id
            line = line_of(name, key_id, signature_of(signatures_of(answer.text), name, key_id))
            at = datetime.fromtimestamp(verify_cosignature(note + line, self.cosigner), UTC)
        except (NoteRefused, OverflowError, ValueError, OSError) as error:
            raise WitnessAway("not the witness's cosignature over this checkpoint") from error
        if abs(at - self.clock.now()) > SKEW:
            raise WitnessAway("a cosignature of another time")
        return Cosignature(line, at)


def _conflict(answer: httpx.Response, old: int) -> WitnessError:
    try:
        size = number(answer.text.removesuffix("\n"))
    except NoteRefused:
        return WitnessRefused("another root at this size")
    # The size that was told, and yet a conflict: the witness has another root there.
    return WitnessRefused("another root at this size") if size == old else WitnessKnows(size)
