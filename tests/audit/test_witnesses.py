"""What the relay takes from a witness: its own cosignature, over this checkpoint, of now; nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from audit.witnesses import Witness, WitnessAway, WitnessError, WitnessKnows, WitnessRefused
from foundation.clock import FrozenClock
from tests.verifier.parts import COSIGNER, NAME, Log, key_of
from verifier.checkpoints import cosign

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
LOG = Log.of(9)


async def asked(answer: Callable[[httpx.Request], httpx.Response], old: int = 5) -> object:
    """What comes of an answer to the log's checkpoint of 9."""
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="https://witness.example/prefix"
    ) as http:
        return await Witness(COSIGNER, http, FrozenClock(NOW)).add_checkpoint(old, [bytes(32)], LOG.note(9))


def says(status: int, text: str = "") -> Callable[[httpx.Request], httpx.Response]:
    """A witness that answers so."""
    return lambda _request: httpx.Response(status, text=text)


def line(size: int = 9, name: str = NAME, at: int = AT, key: str = "the witness") -> str:
    """A cosignature."""
    return cosign(LOG.checkpoint(size).text, name, key_of(key), at)


async def test_request_is_that_of_the_protocol() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text=line())

    await asked(answer)
    (request,) = seen
    zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert (request.method, str(request.url)) == ("POST", "https://witness.example/prefix/add-checkpoint")
    assert request.content.decode() == f"old 5\n{zeros}\n\n{LOG.note(9)}"


async def test_own_cosignature_is_taken_from_among_others() -> None:
    found = await asked(says(200, line(name="witness.example/w2", key="another") + line()))
    assert (found.line, found.at) == (line(), NOW)


@pytest.mark.parametrize(
    "text",
    [
        line(5),
        line(at=AT - 301),
        line(at=AT + 301),
        line(key="a thief"),
        line(name="witness.example/w2"),
        line() + line(),
        line()[:-1],
        line(at=2**62),
        "",
        "yes\n",
    ],
    ids=[
        "replayed from another checkpoint",
        "replayed from before",
        "of the future",
        "of another key",
        "of another name",
        "twice",
        "cut",
        "of no time",
        "nothing",
        "a word",
    ],
)
async def test_other_cosignature_is_not_taken(text: str) -> None:
    with pytest.raises(WitnessAway):
        await asked(says(200, text))


async def test_size_that_the_witness_knows_is_told() -> None:
    with pytest.raises(WitnessKnows) as told:
        await asked(says(409, "7\n"))
    assert told.value.size == 7


@pytest.mark.parametrize(
    ("status", "text"),
    [(409, "5\n"), (409, "more"), (409, ""), (422, ""), (403, ""), (404, ""), (400, "")],
)
async def test_refusal_is_an_alarm(status: int, text: str) -> None:
    with pytest.raises(WitnessRefused):
        await asked(says(status, text))


@pytest.mark.parametrize("status", [429, 500, 503, 302, 204])
async def test_witness_that_can_not_answer_is_away(status: int) -> None:
    with pytest.raises(WitnessAway):
        await asked(says(status))


async def test_nobody_there_is_away() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(WitnessAway) as error:
        await asked(refuse)
    assert isinstance(error.value, WitnessError)
