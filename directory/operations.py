"""What each operation does, step by step. A step that is done is noted and not done again after a restart.

Order matters: whoever falls between two steps leaves less power behind, never more. Somebody who moves is for
a moment in no organisation, not in two; a reset takes the password first and sends the letter last.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from directory.errors import Delayed, Invalid, NotNow, Protected, Taken, UnknownTarget
from directory.keycloak_admin import FRESH_START, OFFICIAL, ClearedRealm, Realm
from directory.numbers import noted, settled_number, verified_number
from directory.requests import Request
from directory.store import Account, Store
from foundation.clock import HANOI, Clock
from foundation.directory_queue import LEFT_FOR, NUMBER_FOR, PASSWORD_FOR, Operation
from foundation.phones import NotOpened, PhoneSeal

LINK_LIFE = timedelta(hours=72)
PHONE_PURPOSE = "directory"
_TYPED = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""What is read out and typed: none that is taken for another."""
_LETTERS = 16

Result = dict[str, Any]
Step = Callable[[str, Callable[[], Awaitable[str | None]]], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Letters:
    """Where the links in Keycloak's letters lead back to: an app and its own address."""

    client_id: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Task:
    """A request under way: what was asked, and how its steps are noted."""

    request: Request
    step: Step

    def text(self, name: str) -> str:
        """A parameter that must be there. Raises Invalid."""
        value = self.request.parameters.get(name)
        if not isinstance(value, str) or not value:
            raise Invalid
        return value


class Officials:
    """Operations on officials' accounts and organisations."""

    def __init__(
        self,
        *,
        realm: Realm,
        cleared: ClearedRealm,
        store: Store,
        created: Callable[[str, str], Awaitable[None]],
        letters: Letters,
    ) -> None:
        self._realm = realm
        self._cleared = cleared
        self._store = store
        self._created = created
        self._letters = letters

    async def create(self, task: Task) -> Result:
        """Make the account, tell tenancy, join the one organisation, send the invitation."""
        account = await self._account(task.request.target)
        if account.state != "invited" or account.unit != task.text("unit"):
            raise NotNow
        if (account.username, account.email) != (task.text("username"), task.text("email")):
            # The invitation of somebody else: a mutation that makes its target can't name it.
            raise Invalid

        async def make() -> str:
            return account.subject or await self._made(task)

        async def tell() -> None:
            await self._created(task.request.target, subject)

        async def join() -> None:
            await self._only_in(subject, account.unit)

        async def write() -> None:
            await self._send(subject)

        subject = str(await task.step("account", make))
        await task.step("told", tell)
        await task.step("joined", join)
        await task.step("written", write)
        return {}

    async def enable(self, task: Task) -> Result:
        """Let somebody sign in again, whom tenancy has back by now."""
        account = await self._account(task.request.target)
        if account.state not in {"invited", "active"}:
            raise NotNow
        if account.subject is not None:
            await self._realm.change_user(account.subject, enabled=True)
        return {"account": account.subject is not None}

    async def disable(self, task: Task) -> Result:
        """Let nobody in by this account, cleared people's too; every session ends."""
        account = await self._account(task.request.target)
        if account.state in {"invited", "active"}:
            raise NotNow  # back meanwhile: what enables comes behind
        if account.subject is None:
            return {"account": False}
        return {"account": True, "cleared": await self._disabled(account.subject)}

    async def end(self, task: Task) -> Result:
        """As `disable`, and out of every organisation; an account that was never made is never made."""
        account = await self._account(task.request.target)
        if account.state != "ended":
            raise NotNow
        subject = account.subject
        if subject is None:
            return {"account": False}

        async def disable() -> str:
            return "cleared" if await self._disabled(subject) else "disabled"

        async def leave() -> None:
            for organisation in (await self._realm.units_of(subject)).values():
                await self._realm.leave(subject, organisation)

        cleared = await task.step("disabled", disable) == "cleared"
        if not cleared:
            await task.step("left", leave)
        return {"account": True, "cleared": cleared}

    async def move(self, task: Task) -> Result:
        """Out of every other organisation, then into the new one; sessions of the old unit end."""
        account = await self._account(task.request.target)
        if account.state == "ended" or account.unit != task.text("toUnit"):
            raise NotNow
        if account.subject is not None:
            await self._only_in(account.subject, account.unit)
            await self._realm.log_out(account.subject)
        return {"account": account.subject is not None}

    async def reset(self, task: Task) -> Result:
        """Take every credential, end every session, send a link that sets new ones."""
        account = await self._account(task.request.target)
        if account.state not in {"invited", "active"} or account.subject is None:
            raise NotNow
        subject = account.subject

        async def take() -> str:
            return str(await self._realm.take_factors(subject))

        async def demand() -> None:
            await self._realm.change_user(subject, requiredActions=list(FRESH_START))

        async def log_out() -> None:
            await self._realm.log_out(subject)

        async def write() -> None:
            await self._send(subject)

        taken = await task.step("taken", take)
        await task.step("demanded", demand)
        await task.step("logged_out", log_out)
        await task.step("written", write)
        return {"credentials": int(taken or 0)}

    async def end_sessions(self, task: Task) -> Result:
        """End a person's sessions: all, or all but one."""
        account = await self._account(task.request.target)
        if account.subject is None:
            return {"account": False}
        if task.text("person") != account.subject:
            raise Invalid
        try:
            await end_others(self._realm, account.subject, task.request.parameters.get("except_session"))
        except Protected:
            await self._cleared.log_out(account.subject)
        return {"account": True}

    async def put_organisation(self, task: Task) -> Result:
        """An organisation's name and whether it lives, as tenancy has them."""
        enabled = task.request.parameters.get("enabled")
        if not isinstance(enabled, bool):
            raise Invalid
        await self._realm.put_organisation(task.request.target, task.text("name"), enabled)
        return {}

    async def _account(self, code: str) -> Account:
        account = await self._store.account(code)
        if account is None or account.issuer != self._realm.issuer:
            raise UnknownTarget
        return account

    async def _made(self, task: Task) -> str:
        """The account of this official, made now or before an answer was lost. Raises Taken."""
        mark, username = [task.request.target], task.text("username")
        wanted = {
            "username": username,
            "email": task.text("email"),
            "firstName": task.text("givenName"),
            "lastName": task.text("familyName"),
            "enabled": True,
            "emailVerified": False,
            "requiredActions": list(FRESH_START),
            "attributes": {OFFICIAL: mark},
        }
        found = await self._realm.user_by_name(username)
        if found is None:
            return await self._realm.create_user(wanted)
        if found.get("attributes", {}).get(OFFICIAL) != mark:
            raise Taken
        return str(found["id"])

    async def _only_in(self, subject: str, unit: str) -> None:
        """In this unit's organisation and no other. Raises Delayed while there is none."""
        organisation = await self._realm.organisation(unit)
        if organisation is None:
            raise Delayed("no_organisation")  # the request that makes it may be under way
        member_of = await self._realm.units_of(subject)
        for code, other in member_of.items():
            if code != unit:
                await self._realm.leave(subject, other)
        if unit not in member_of:
            await self._realm.join(subject, organisation["id"])

    async def _disabled(self, subject: str) -> bool:
        """Disable and sign out; whether by the client of the cleared."""
        try:
            await self._realm.change_user(subject, enabled=False)
            # Enabling again would revive the sessions: they end here.
            await self._realm.log_out(subject)
        except Protected:
            await self._cleared.disable(subject)
            return True
        return False

    async def _send(self, subject: str) -> None:
        letters = self._letters
        seconds = int(LINK_LIFE.total_seconds())
        await self._realm.send_actions(subject, letters.client_id, letters.redirect_uri, seconds)


def new_password() -> str:
    """80 random bits, to be read out in two halves."""
    return "".join(secrets.choice(_TYPED) for _ in range(_LETTERS))


class Citizens:
    """Operations on citizens' accounts."""

    def __init__(
        self,
        realm: Realm,
        store: Store,
        seal: PhoneSeal | None,
        recovery_seal: PhoneSeal | None,
        clock: Clock,
        notice: timedelta,
        new_password: Callable[[], str] = new_password,
    ) -> None:
        """`seal` is the api's too; what `recovery_seal` seals is opened by the worker alone."""
        self._realm = realm
        self._store = store
        self._seal = seal
        self._recovery_seal = recovery_seal
        self._clock = clock
        self._notice = notice
        self._new_password = new_password

    async def verify_phone(self, task: Task) -> Result:
        """Note the number that the citizen has proven, apart from the one that stands in the profile.

        The number that the account leaves goes sealed to the worker, which tells whoever has it: on the
        directory's word, for it is the api's key that asks.
        """
        citizen = _uuid(task.request.target)
        if self._seal is None or self._recovery_seal is None:
            raise Delayed("no_seal_key")
        seal = self._recovery_seal
        try:
            phone = self._seal.open_text(task.text("phone"), PHONE_PURPOSE, citizen)
        except NotOpened as error:
            raise Invalid from error
        subject = await self._subject(task.request.target)
        user = await self._realm.user(subject)

        async def note_before() -> str | None:
            before = verified_number(user)
            left = before is not None and before != phone
            return seal.seal_text(str(before), LEFT_FOR, task.request.id) if left else None

        left = await task.step("left", note_before)
        await self._realm.set_attributes(subject, **noted(phone, user, self._clock.now()))
        return {} if left is None else {LEFT_FOR: left}

    async def disable(self, task: Task) -> Result:
        """Let nobody in by this account; every session ends."""
        subject = await self._subject(task.request.target)
        await self._realm.change_user(subject, enabled=False)
        await self._realm.log_out(subject)
        return {}

    async def enable(self, task: Task) -> Result:
        """Let the citizen sign in again."""
        await self._realm.change_user(await self._subject(task.request.target), enabled=True)
        return {}

    async def delete(self, task: Task) -> Result:
        """Delete the account at Keycloak, with all that is kept of the person there."""
        await self._realm.delete_user(await self._subject(task.request.target))
        return {}

    async def reset(self, task: Task) -> Result:
        """Recovery in person: every credential goes, every session ends, a password for one sign-in comes.

        The password leaves sealed for the worker, which hands its halves out, with the number for one of
        them: Keycloak's, read here, not one that the api names. A restart sets a new password.
        """
        seal = self._recovery_seal
        if seal is None:
            raise Delayed("no_seal_key")
        recovery = _uuid(task.request.target)
        found = await self._store.recovery(recovery, self._clock.now().astimezone(HANOI).date())
        if found is None or found.citizen is None or found.citizen[0] != self._realm.issuer:
            raise UnknownTarget
        subject = found.citizen[1]
        number = settled_number(await self._realm.user(subject), self._clock.now(), self._notice)

        async def take() -> str:
            return str(await self._realm.take_factors(subject))

        async def log_out() -> None:
            await self._realm.log_out(subject)

        await task.step("taken", take)
        password = self._new_password()
        await self._realm.set_password(subject, password)
        await task.step("logged_out", log_out)
        return {
            PASSWORD_FOR: seal.seal_text(password, PASSWORD_FOR, recovery),
            NUMBER_FOR: seal.seal_text(number, NUMBER_FOR, recovery),
        }

    async def end_sessions(self, task: Task) -> Result:
        """End a citizen's sessions: all, or all but one."""
        subject = await self._subject(task.request.target)
        await end_others(self._realm, subject, task.request.parameters.get("except_session"))
        return {}

    async def _subject(self, target: str) -> str:
        found = await self._store.citizen(_uuid(target))
        if found is None or found[0] != self._realm.issuer:
            raise UnknownTarget
        return found[1]


async def end_others(realm: Realm, subject: str, kept: object) -> None:
    """End a person's sessions, but one that is kept."""
    if kept is None:
        await realm.log_out(subject)
        return
    for sid in await realm.sessions(subject):
        if sid != kept:
            await realm.end_session(sid)


class Sessions:
    """Single sessions of either realm."""

    def __init__(self, realms: Mapping[str, Realm]) -> None:
        self._realms = realms

    async def end(self, task: Task) -> Result:
        """End one session; that it is over already is no fault."""
        realm = self._realms.get(task.text("realm"))
        if realm is None:
            raise Invalid
        await realm.end_session(str(_uuid_like(task.request.target)))
        return {}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise UnknownTarget from error


def _uuid_like(sid: str) -> str:
    """A session's id as it may stand in a path. Raises Invalid."""
    if not (sid.isascii() and sid.replace("-", "").replace("_", "").isalnum()):
        raise Invalid
    return sid


def table(
    officials: Officials, citizens: Citizens, sessions: Sessions
) -> dict[Operation, Callable[[Task], Awaitable[Result]]]:
    """What runs for each operation."""
    return {
        Operation.OFFICIAL_CREATE: officials.create,
        Operation.OFFICIAL_ENABLE: officials.enable,
        Operation.OFFICIAL_DISABLE: officials.disable,
        Operation.OFFICIAL_END: officials.end,
        Operation.OFFICIAL_MOVE: officials.move,
        Operation.OFFICIAL_RESET: officials.reset,
        Operation.OFFICIAL_END_SESSIONS: officials.end_sessions,
        Operation.ORGANISATION_PUT: officials.put_organisation,
        Operation.SESSION_END: sessions.end,
        Operation.CITIZEN_VERIFY_PHONE: citizens.verify_phone,
        Operation.CITIZEN_DISABLE: citizens.disable,
        Operation.CITIZEN_ENABLE: citizens.enable,
        Operation.CITIZEN_DELETE: citizens.delete,
        Operation.CITIZEN_END_SESSIONS: citizens.end_sessions,
        Operation.CITIZEN_RESET: citizens.reset,
    }
