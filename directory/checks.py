"""Who asks, and may they? Once for each request, before its first step."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from directory.askings import Word, Words, check_words
from directory.errors import AskerNotEntitled, AskingInvalid, Protected, UnknownTarget
from directory.keycloak_admin import ClearedRealm, Realm
from directory.mutations import Parameters
from directory.numbers import settled_number, verified_number
from directory.requests import Request
from directory.store import Store
from foundation.clock import HANOI, Clock
from foundation.directory_queue import Operation
from foundation.errors import InvalidInput
from foundation.phones import Phone

CHECKED = "checked"


class Entitlement:
    """Checks officers' words, and that those officers may ask for this."""

    def __init__(
        self,
        *,
        words: Words,
        store: Store,
        realm: Realm,
        citizens: Realm,
        cleared: ClearedRealm,
        clock: Clock,
        notice: timedelta,
    ) -> None:
        """`notice`: how long a citizen's number must have been noted before it recovers an account."""
        self._words = words
        self._store = store
        self._realm = realm
        self._citizens = citizens
        self._cleared = cleared
        self._clock = clock
        self._notice = notice

    async def check(self, request: Request) -> None:
        """Raise a Refused unless everybody who must ask did; Delayed when that can't be found out now."""
        await self._store.use("request", request.signer, str(request.id), request.id)
        if not request.askings:
            return
        words = await self._words.of(request)
        digest = _digest(request.parameters)
        parameters = check_words(words, request)
        to_be_vouched = parameters is Parameters.TO_BE_VOUCHED
        if to_be_vouched and not await self._store.is_vouched(request.target, digest):
            raise AskingInvalid
        if request.operation is Operation.CITIZEN_RESET:
            await self._check_recovery(words[0], request)
        else:
            await self._check_people(words, request)
        for word in words:
            # Last: a request that is refused for another reason uses nothing up.
            await self._store.use("proof", word.session.jkt, word.proof_jti, request.id)
        if request.operation is Operation.OFFICIAL_CREATE and not to_be_vouched:
            # Only by who may: else anybody's word would make parameters good for somebody else's later one.
            await self._store.vouch(request.target, digest)

    async def _check_people(self, words: Sequence[Word], request: Request) -> None:
        askers = [word.session.sub for word in words]
        if len(set(askers)) != len(askers):
            raise AskerNotEntitled
        account = await self._store.account(request.target)
        if account is None:
            raise UnknownTarget
        if account.subject in askers:
            raise AskerNotEntitled
        units = {account.unit}
        if request.operation is Operation.OFFICIAL_MOVE and account.subject is not None:
            # Out of a unit that one administers, into one that one administers.
            units |= (await self._realm.units_of(account.subject)).keys()
        today = self._clock.now().astimezone(HANOI).date()
        for word in words:
            for unit in sorted(units):
                session = word.session
                if not await self._store.administers(session.iss, session.sub, unit, today):
                    raise AskerNotEntitled
            if not await self._is_enabled(word.session.sub):
                raise AskerNotEntitled

    async def _check_recovery(self, word: Word, request: Request) -> None:
        """The officer of the desk, and the account of the number that the officer's device signed.

        What our tables say of whose account it is counts only when Keycloak has this number verified there.
        That alone is no wall: who has stolen the api has any number noted there, for it takes the api's key
        alone. So it must have stood there for the notice, and whoever has the number before it was told.
        """
        session, today = word.session, self._clock.now().astimezone(HANOI).date()
        recovery = await self._store.recovery(_uuid(request.target), today)
        if recovery is None:
            raise UnknownTarget
        if recovery.officer != (session.iss, session.sub) or not recovery.handles:
            raise AskerNotEntitled
        if not await self._is_enabled(session.sub):
            raise AskerNotEntitled
        if recovery.citizen is None or recovery.citizen[0] != self._citizens.issuer:
            raise UnknownTarget
        user = await self._citizens.user(recovery.citizen[1])
        try:
            said = Phone.parse(str(word.said.given.get("phone"))).e164
        except InvalidInput as error:
            raise AskingInvalid from error
        if verified_number(user) != said:
            raise AskingInvalid
        settled_number(user, self._clock.now(), self._notice)

    async def _is_enabled(self, subject: str) -> bool:
        try:
            return (await self._realm.user(subject)).get("enabled") is True
        except Protected:
            return await self._cleared.is_enabled(subject)
        except UnknownTarget:
            return False


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise UnknownTarget from error


def _digest(parameters: Mapping[str, Any]) -> bytes:
    """SHA-256 of the parameters, however they are ordered."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True, ensure_ascii=True).encode()).digest()
