"""What a chain of statements comes to, and which statement may follow.

The same rules hold when a chain is loaded and when a statement is added. Moments at loading are a statement's
own (its id is of the moment of its proposal); whoever adds one also holds it against the clock, with `now`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from joserfc.jwk import ECKey, OKPKey

from vault.authority.errors import (
    AlreadyThere,
    AppointedByTheOther,
    NotAnApprover,
    NothingThere,
    OwnBenefit,
    SameBody,
    SignatureInvalid,
    StatementMalformed,
    StatementStale,
    SubordinateApproves,
    TwoApproversNeeded,
)
from vault.authority.statements import (
    OFFICER,
    ROOT_ALGORITHM,
    Body,
    ClearanceBody,
    Content,
    DeviceBody,
    GenesisBody,
    LockBody,
    NamedClearance,
    NamedDevice,
    NamedPost,
    PostBody,
    Signature,
    Statement,
    check_signature,
    device_key,
    head_after,
)

Item = NamedPost | NamedDevice | NamedClearance
PROPOSAL_LIFE = timedelta(hours=72)
SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Given:
    """What one statement gave, to whom, by whom."""

    id: UUID
    person: str
    givers: frozenset[str]
    """People who signed; empty for the genesis."""
    from_: datetime
    until: datetime | None
    body: PostBody | DeviceBody | ClearanceBody

    def runs(self, at: datetime) -> bool:
        """Whether `at` is within its term; it may be locked all the same."""
        return self.from_ <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class GivenDevice:
    """An enrolled device."""

    given: Given
    jkt: str
    key: ECKey = field(repr=False)
    native: bool
    made_at: datetime
    waits: bool
    """Neither named by the genesis nor countersigned by an older device of the person."""

    def usable_from(self, wait: timedelta) -> datetime:
        """When it may open `party` and `restricted`, and approve."""
        return max(self.given.from_, self.made_at) + (wait if self.waits else timedelta())


@dataclass(slots=True)
class State:
    """A chain so far. `check` raises a StatementRefused; `apply` follows a check and raises nothing."""

    roots: tuple[OKPKey, OKPKey]
    wait: timedelta
    epoch: int = -1
    """n of the newest statement."""
    head: bytes | None = None
    newest_made: datetime | None = None
    ids: set[UUID] = field(default_factory=set)
    devices: dict[str, GivenDevice] = field(default_factory=dict)
    posts: dict[str, list[Given]] = field(default_factory=dict)
    clearances: dict[str, list[Given]] = field(default_factory=dict)
    locked: set[str | UUID] = field(default_factory=set)
    """People as "person:<sub>", devices as "device:<jkt>", statements by id."""

    # What is in force

    def in_force(self, given: Given, at: datetime) -> bool:
        """Within its term, and neither it nor its person is locked. A test for the callers that refuse."""
        return given.runs(at) and given.id not in self.locked and f"person:{given.person}" not in self.locked

    def device_of(self, jkt: str, at: datetime) -> GivenDevice | None:
        """The device in force."""
        device = self.devices.get(jkt)
        if device is None or f"device:{jkt}" in self.locked or not self.in_force(device.given, at):
            return None
        return device

    def posts_of(self, person: str, at: datetime) -> list[Given]:
        """The posts in force."""
        return [post for post in self.posts.get(person, ()) if self.in_force(post, at)]

    def clearances_of(self, person: str, at: datetime) -> list[Given]:
        """The clearances in force."""
        return [one for one in self.clearances.get(person, ()) if self.in_force(one, at)]

    def duties_of(self, person: str, at: datetime) -> list[Given]:
        """The clearances in force that let a person approve."""
        return [one for one in self.clearances_of(person, at) if _clearance(one).role == OFFICER]

    def bodies_of(self, person: str, at: datetime) -> frozenset[str]:
        """The first-level units of a person's posts."""
        return frozenset(_post(post).body for post in self.posts_of(person, at))

    def superiors_of(self, person: str) -> frozenset[str]:
        """Everybody who was ever given as above, whatever the number of steps.

        A superior bars, so a lock or an end of a post, which one signature may bring, takes none away.
        """
        found: set[str] = set()
        todo = [person]
        while todo:
            for post in self.posts.get(todo.pop(), ()):
                superior = _post(post).superior
                if superior is not None and superior not in found:
                    found.add(superior)
                    todo.append(superior)
        return frozenset(found - {person})

    def own_records_of(self, person: str) -> frozenset[UUID]:
        """The files about the person that any post ever named: they bar, as superiors do."""
        owned = (_post(post).own_record for post in self.posts.get(person, ()))
        return frozenset(UUID(record) for record in owned if record is not None)

    def approves(self, person: str, at: datetime) -> bool:
        """A duty and a post in force, whatever the device."""
        return bool(self.duties_of(person, at) and self.posts_of(person, at))

    def approvers(self, at: datetime) -> frozenset[str]:
        """Who can approve now: a duty, a post, a device that no longer waits."""
        return frozenset(
            device.given.person
            for jkt in self.devices
            if (device := self.device_of(jkt, at)) is not None
            and device.usable_from(self.wait) <= at
            and self.approves(device.given.person, at)
        )

    # What may follow

    def check(
        self, statement: Statement, now: datetime | None = None, *, read_at: datetime | None = None
    ) -> None:
        """Raise a StatementRefused unless `statement` may be the next one.

        `now`: it is being added, so signers must also be in force and done with waiting at that moment.
        `read_at`: it is being loaded then, and is of no later moment.
        """
        content = statement.content
        if (content.kind == "genesis") != (self.epoch < 0):
            raise StatementMalformed("a chain begins with its genesis, and has one")
        if content.until is not None and content.until <= content.from_:
            raise StatementStale
        if content.kind == "genesis":
            self._check_genesis(statement)
            return
        if read_at is not None and content.made_at > read_at + SKEW:
            raise StatementStale
        self._check_age(content, now)
        if content.id in self.ids:
            raise AlreadyThere
        signers = [self._signer(statement.payload, one, content.made_at, now) for one in statement.signatures]
        self._check_content(content, signers, now)

    def admit(self, payload: str, content: Content, signature: Signature, now: datetime) -> str:
        """The person whose signature this is, if it may stand under `content`. Raises a StatementRefused.

        Whether the others that stand there go with it only the whole statement tells.
        """
        self._check_age(content, now)
        if content.id in self.ids:
            raise AlreadyThere
        device = self._signer(payload, signature, content.made_at, now)
        person, beneficiary = device.given.person, self._beneficiary(content.body)
        if not (isinstance(content.body, DeviceBody) and person == beneficiary):
            self._check_giver(person, beneficiary, [content.made_at, now])
        return person

    def may_approve(self, person: str, jkt: str, at: datetime) -> None:
        """Raise NotAnApprover unless `person` approves on this device at `at`."""
        device = self.device_of(jkt, at)
        if device is None or device.given.person != person or device.usable_from(self.wait) > at:
            raise NotAnApprover
        self._check_approver(person, [at])

    def apply(self, statement: Statement) -> None:
        """Take a checked statement as the next one."""
        content, body = statement.content, statement.content.body
        givers = frozenset(
            self.devices[one.kid].given.person for one in statement.signatures if one.kid in self.devices
        )
        if isinstance(body, GenesisBody):
            for item in items_of(body):
                self._give(_genesis_item(content, item), content.made_at, waits=False)
        elif isinstance(body, LockBody):
            target = target_of(body)
            (self.locked.add if body.action == "lock" else self.locked.discard)(target)
        elif isinstance(body, PostBody | DeviceBody | ClearanceBody):
            given = Given(content.id, body.person, givers, content.from_, content.until, body)
            # His older device signed too: that he has the new one is the person's own word.
            self._give(given, content.made_at, waits=body.person not in givers)
        self.ids.add(content.id)
        self.epoch += 1
        self.head = head_after(self.head, statement.octets)
        self.newest_made = max(self.newest_made or content.made_at, content.made_at)

    def _give(self, given: Given, made_at: datetime, *, waits: bool) -> None:
        self.ids.add(given.id)
        if isinstance(given.body, DeviceBody):
            key = device_key(given.body.key)
            jkt = key.thumbprint()
            self.devices[jkt] = GivenDevice(given, jkt, key, given.body.native, made_at, waits)
        elif isinstance(given.body, PostBody):
            self.posts.setdefault(given.person, []).append(given)
        else:
            self.clearances.setdefault(given.person, []).append(given)

    def _check_genesis(self, statement: Statement) -> None:
        body = statement.content.body
        if not isinstance(body, GenesisBody):
            raise StatementMalformed("a genesis has its own body")
        roots = {root.thumbprint(): root for root in self.roots}
        if len(roots) != 2 or {one.kid for one in statement.signatures} != roots.keys():
            raise SignatureInvalid
        for signature in statement.signatures:
            if signature.alg != ROOT_ALGORITHM:
                raise SignatureInvalid
            check_signature(statement.payload, signature, roots[signature.kid])
        items = items_of(body)
        keys = [device_key(device.key).thumbprint() for device in body.devices]
        if len({item.id for item in items}) != len(items) or len(set(keys)) != len(keys):
            raise AlreadyThere
        trial = State(self.roots, self.wait)
        trial.apply(statement)
        at = max(statement.content.from_, statement.content.made_at)
        bodies = [trial.bodies_of(person, at) for person in trial.approvers(at)]
        if not any(a and b and not a & b for a in bodies for b in bodies):
            raise TwoApproversNeeded

    def _check_age(self, content: Content, now: datetime | None) -> None:
        # `apply` takes and restores at once and for ever: a statement must not say otherwise to its signers.
        if isinstance(content.body, LockBody) and (
            content.until is not None or content.from_ > content.made_at + SKEW
        ):
            raise StatementMalformed("a lock and its end have no term")
        # Who colludes with the database's administrator can date back so far, and no further.
        if self.newest_made is not None and content.made_at < self.newest_made - PROPOSAL_LIFE:
            raise StatementStale
        if now is not None and not now - PROPOSAL_LIFE <= content.made_at <= now + SKEW:
            raise StatementStale
        if now is not None and content.until is not None and content.until <= now:
            raise StatementStale

    def _signer(self, payload: str, one: Signature, made_at: datetime, now: datetime | None) -> GivenDevice:
        """The device that signed. Raises SignatureInvalid, NotAnApprover."""
        known = self.devices.get(one.kid)
        if known is None or one.alg == ROOT_ALGORITHM:
            raise SignatureInvalid
        check_signature(payload, one, known.key)
        for at in (made_at, now):
            if at is None:
                continue
            if self.device_of(one.kid, at) is None or known.usable_from(self.wait) > at:
                raise NotAnApprover
        return known

    def _check_content(self, content: Content, signers: Sequence[GivenDevice], now: datetime | None) -> None:
        moments = [at for at in (content.made_at, now) if at is not None]
        body, beneficiary = content.body, self._beneficiary(content.body)
        if isinstance(body, LockBody) and body.action == "lock":
            self._check_taker(signers, beneficiary, moments)
            return
        approving = [
            one for one in signers if not (isinstance(body, DeviceBody) and one.given.person == beneficiary)
        ]
        self._check_givers(approving, beneficiary, moments)

    def _beneficiary(self, body: Body) -> str:
        """Who gets something, or has it taken. Raises a StatementRefused for what can't be given."""
        if isinstance(body, LockBody):
            return self._check_target(body)
        if not isinstance(body, PostBody | DeviceBody | ClearanceBody):
            raise StatementMalformed("no rules for this kind yet")
        if isinstance(body, DeviceBody) and device_key(body.key).thumbprint() in self.devices:
            raise AlreadyThere
        return body.person

    def _check_target(self, body: LockBody) -> str:
        """Whom a lock or its end concerns. Raises NothingThere, AlreadyThere."""
        target = target_of(body)
        if (target in self.locked) == (body.action == "lock"):
            raise AlreadyThere if body.action == "lock" else NothingThere
        people: dict[str | UUID, str] = {
            **{f"device:{jkt}": device.given.person for jkt, device in self.devices.items()},
            **{one.id: one.person for one in self._everything()},
            **{f"person:{one.person}": one.person for one in self._everything()},
        }
        if target not in people:
            raise NothingThere
        return people[target]

    def _everything(self) -> Iterable[Given]:
        yield from (device.given for device in self.devices.values())
        for each in (self.posts, self.clearances):
            for many in each.values():
                yield from many

    def _check_taker(self, signers: Sequence[GivenDevice], concerned: str, moments: list[datetime]) -> None:
        """One is enough: a security officer, or the person himself."""
        if len(signers) != 1:
            raise TwoApproversNeeded
        person = signers[0].given.person
        if person != concerned:
            self._check_approver(person, moments)

    def _check_givers(
        self, signers: Sequence[GivenDevice], beneficiary: str, moments: list[datetime]
    ) -> None:
        people = [one.given.person for one in signers]
        for person in people:
            self._check_giver(person, beneficiary, moments)
        if len(people) != 2 or people[0] == people[1]:
            raise TwoApproversNeeded
        first, second = signers
        for at in moments:
            if self.bodies_of(people[0], at) & self.bodies_of(people[1], at):
                raise SameBody
            if people[1] in self._appointers(first, at) or people[0] in self._appointers(second, at):
                raise AppointedByTheOther

    def _check_giver(self, person: str, beneficiary: str, moments: list[datetime]) -> None:
        if person == beneficiary:
            raise OwnBenefit
        self._check_approver(person, moments)
        if beneficiary in self.superiors_of(person):
            raise SubordinateApproves

    def _check_approver(self, person: str, moments: list[datetime]) -> None:
        for at in moments:
            if not self.approves(person, at):
                raise NotAnApprover

    def _appointers(self, device: GivenDevice, at: datetime) -> frozenset[str]:
        """Who signed what a person approves by: posts, the duty, the device in his hand."""
        person = device.given.person
        by = [device.given, *self.posts_of(person, at), *self.duties_of(person, at)]
        return frozenset().union(*(given.givers for given in by)) - {person}


def target_of(body: LockBody) -> str | UUID:
    """What a lock locks, as `State.locked` names it."""
    if body.person is not None:
        return f"person:{body.person}"
    if body.device is not None:
        return f"device:{body.device}"
    return UUID(body.statement)


def items_of(body: GenesisBody) -> list[Item]:
    """All that a genesis gives."""
    return [*body.posts, *body.devices, *body.clearances]


def _genesis_item(content: Content, item: Item) -> Given:
    return Given(UUID(item.id), item.person, frozenset(), content.from_, content.until, item)


def _post(given: Given) -> PostBody:
    if not isinstance(given.body, PostBody):
        raise TypeError("not a post")
    return given.body


def _clearance(given: Given) -> ClearanceBody:
    if not isinstance(given.body, ClearanceBody):
        raise TypeError("not a clearance")
    return given.body
