"""How long an officer's word is good for, and what counts as one; citizens say nothing."""

import hashlib
import json
from datetime import timedelta

import pytest

from directory.askings import PATIENT, PROMPT, Words
from directory.errors import AskingInvalid
from directory.mutations import Contract
from directory.requests import Request
from foundation.directory_queue import Asking, Operation
from foundation.identity import jose
from foundation.identity.body_proofs import digest_of
from foundation.ids import new_uuid
from stack.home import ROOT
from tests.directory.rig import body_of
from tests.identity import world

WORDS = Words(world.verifier(), Contract.of_folder(ROOT / "mobile_contract" / "operations"), world.PUBLIC_URL)
BODY = body_of("SuspendOfficial", {"code": "0123456789ABCDEF"})


def asking(token: str | None = None) -> Asking:
    """A word of now, with a token that lives 5 minutes."""
    token = token or world.official_token()
    return Asking(BODY, token, world.proof(token, digest=digest_of(BODY)))


def request(after: timedelta, *askings: Asking) -> Request:
    """A request that a process signed so long after the word."""
    moment = world.NOW + after
    return Request(
        new_uuid(), "api", Operation.OFFICIAL_DISABLE, "0123456789ABCDEF", {}, None, moment, askings
    )


@pytest.mark.parametrize("after", [timedelta(0), PROMPT, -PROMPT])
async def test_word_is_heard(after: timedelta) -> None:
    (word,) = await WORDS.of(request(after, asking()))
    assert (word.said.field, word.said.target()) == ("suspendOfficial", "0123456789ABCDEF")


@pytest.mark.parametrize("after", [PROMPT + timedelta(seconds=1), -PROMPT - timedelta(seconds=1)])
async def test_word_of_another_time_is_refused(after: timedelta) -> None:
    with pytest.raises(AskingInvalid):
        await WORDS.of(request(after, asking()))


async def test_first_of_two_may_have_waited_for_the_second() -> None:
    first = asking()
    second = Asking(BODY, first.token, world.proof(first.token, digest=digest_of(BODY)))
    with pytest.raises(AskingInvalid):
        # The second one is as old as the first.
        await WORDS.of(request(PATIENT, first, second))


async def test_word_of_a_citizen_is_refused() -> None:
    with pytest.raises(AskingInvalid):
        await WORDS.of(request(timedelta(0), asking(world.citizen_token())))


@pytest.mark.parametrize("issued", [2**39, 253402300800, -1])
async def test_word_of_a_year_that_there_is_not_is_refused(issued: int) -> None:
    proof = jose.sign({}, {"iat": issued}, world.DEVICE)
    with pytest.raises(AskingInvalid):
        await WORDS.of(request(timedelta(0), Asking(BODY, world.official_token(), proof)))


async def test_word_for_another_origin_is_refused() -> None:
    elsewhere = Words(
        world.verifier(),
        Contract.of_folder(ROOT / "mobile_contract" / "operations"),
        "https://elsewhere.test",
    )
    with pytest.raises(AskingInvalid):
        await elsewhere.of(request(timedelta(0), asking()))


async def test_document_by_its_hash_is_the_same_word() -> None:

    text = (ROOT / "mobile_contract" / "operations" / "SuspendOfficial.graphql").read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    variables = {"input": {"code": "0123-4567-89ab-cdef"}}
    for named in (
        {"documentId": f"sha256:{digest}"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}},
    ):
        body = json.dumps({**named, "variables": variables}).encode()
        token = world.official_token()
        sent = Asking(body, token, world.proof(token, digest=digest_of(body)))
        (word,) = await WORDS.of(request(timedelta(0), sent))
        assert (word.said.field, word.said.target()) == ("suspendOfficial", "0123456789ABCDEF")
