"""Officers' own words: whose device signed this, when, and may that person ask it?

Everything is checked anew, from the octets that the device sent; that the api checked it too counts for
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from directory.errors import AskingInvalid, Delayed
from directory.mutations import (
    FIRST_OF_RESET,
    RECOVERY,
    SECOND_OF_RESET,
    Contract,
    Parameters,
    Said,
    check_said,
)
from directory.requests import Request
from foundation.directory_queue import Asking, Operation
from foundation.errors import Refusal
from foundation.identity import jose
from foundation.identity.body_proofs import check_body, digest_of
from foundation.identity.challenges import IdentityUnavailable
from foundation.identity.principal import VerifiedSession
from foundation.identity.proofs import verify_proof
from foundation.identity.tokens import TokenVerifier

PATH = "/graphql"
PROMPT = timedelta(minutes=2)
"""From the device's signature to ours: the api admits proofs of 60 s and runs for 10 s."""
PATIENT = timedelta(minutes=35)
"""As PROMPT, of the first of two officers: the second has 30 minutes."""


@dataclass(frozen=True, slots=True)
class Word:
    """What an officer said, whose device signed it; nothing yet about what the officer may do."""

    session: VerifiedSession
    proof_jti: str
    said: Said
    digest: str
    """The claim `digest` of its body."""


class Words:
    """Reads askings. Raises AskingInvalid; Delayed when the realm's keys can't be had."""

    def __init__(self, tokens: TokenVerifier, contract: Contract, public_url: str) -> None:
        self._tokens = tokens
        self._contract = contract
        self._url = public_url + PATH

    async def of(self, request: Request) -> tuple[Word, ...]:
        """The officers' words, one an asking, in their order."""
        ages = [PATIENT] * (len(request.askings) - 1) + [PROMPT]
        return tuple(
            [
                await self._word(asking, request.asked_at, age)
                for asking, age in zip(request.askings, ages, strict=True)
            ]
        )

    async def _word(self, asking: Asking, asked_at: datetime, age: timedelta) -> Word:
        signed_at = _signed_at(asking.proof)
        if not -PROMPT <= asked_at - signed_at <= age:
            raise AskingInvalid
        try:
            # At the moment of the signature: token and proof may have run out while the request waited.
            session = await self._tokens.verify(asking.token, signed_at)
            if not self._tokens.is_official(session):
                raise AskingInvalid
            proof = verify_proof(
                asking.proof,
                method="POST",
                url=self._url,
                token=asking.token,
                jkt=session.jkt,
                now=signed_at,
            )
            check_body(asking.proof, asking.body)
        except IdentityUnavailable as error:
            raise Delayed("keys_away") from error
        except AskingInvalid:
            raise
        except Refusal as error:
            raise AskingInvalid from error
        return Word(session, proof.jti, self._contract.said(asking.body), digest_of(asking.body))


def check_words(words: Sequence[Word], request: Request) -> Parameters:
    """How the officers said the parameters. Raises AskingInvalid unless they asked for this."""
    if request.operation is Operation.OFFICIAL_RESET:
        _check_reset(words, request)
        return Parameters.SAID
    if request.operation is Operation.CITIZEN_RESET:
        _check_recovery(words, request)
        return Parameters.SAID
    # Each one is checked: no `any` over a generator, which stops at the first.
    asked = (request.operation, request.target, request.parameters)
    found = [check_said(word.said, *asked) for word in words]
    return Parameters.TO_BE_VOUCHED if Parameters.TO_BE_VOUCHED in found else Parameters.SAID


def _check_reset(words: Sequence[Word], request: Request) -> None:
    """The first asks for the target, the second confirms exactly what the first signed."""
    first, second = words
    if (first.said.field, second.said.field) != (FIRST_OF_RESET, SECOND_OF_RESET) or request.parameters:
        raise AskingInvalid
    if {first.said.target(), second.said.target()} != {request.target}:
        raise AskingInvalid
    if second.said.given.get("digest") != first.digest:
        raise AskingInvalid


def _check_recovery(words: Sequence[Word], request: Request) -> None:
    """The officer ends this very recovery; whose it is must follow from the number that the officer said."""
    (word,) = words
    if word.said.field != RECOVERY or request.parameters:
        raise AskingInvalid
    if word.said.given.get("recovery") != request.target:
        raise AskingInvalid


def _signed_at(proof: str) -> datetime:
    """The proof's own moment, before its signature is checked against it."""
    try:
        return jose.moment_of(jose.unverified_payload_of(proof).get("iat"))
    except (jose.NotJose, IndexError) as error:
        raise AskingInvalid from error
