"""Cases of policies: who may do what to which object, and who may not.

    python -m foundation.policy.cases policies/backend policies/vault

`cases/world.yaml` names the units, people and objects; every other `cases/*.yaml` is a list of cases. A case
says what is expected and exactly which policies decide it. Complete means: each action is allowed and denied
somewhere, each permit allows somewhere, each forbid is somewhere the only thing that refuses, and no policy
could lose its conditions unnoticed.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID

import cedarpy
import msgspec
import yaml

from foundation.errors import Forbidden
from foundation.identity.principal import (
    AnonymousPrincipal,
    ChannelPrincipal,
    CitizenPrincipal,
    Duty,
    OfficialDevice,
    OfficialPrincipal,
    Origin,
    SystemPrincipal,
    VerifiedSession,
)
from foundation.policy.engine import PolicyEngine, policy_tree
from foundation.policy.entities import (
    Caller,
    DescribedCaller,
    EntityRef,
    Resource,
    Value,
    channel_ref,
    citizen_ref,
    official_ref,
    unit_ref,
)
from foundation.policy.errors import PolicyDenied

WORLD = "world.yaml"
_ORIGIN = Origin(request_id="case", network="203.0.113.0")
S = TypeVar("S")


class CasesInvalid(Exception):
    """A file of cases can't be read or names what the world does not have."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A misspelt key must not silently change what a case tests."""


class DutyEntry(_Strict, frozen=True):
    """A duty by kind and unit code."""

    kind: str
    unit: str


class DeviceEntry(_Strict, frozen=True):
    """What an official's session is used on; `owner` is his own id when left out."""

    thumbprint: str
    state: str
    owner: UUID | None = None


class Described(_Strict, frozen=True):
    """A caller in the words of another schema than the backend's."""

    type: str
    id: str
    attributes: dict[str, Any] = {}
    circumstances: dict[str, Any] = {}


class Person(_Strict, frozen=True):
    """One caller. Exactly one of `citizen`, `official`, `system`, `channel`, `described`; none is nobody."""

    described: Described | None = None

    citizen: UUID | None = None
    official: UUID | None = None
    system: str | None = None
    channel: str | None = None
    channel_state: str = "active"
    device: DeviceEntry | None = None
    network_kind: str = "unknown"
    works_for: str = ""
    duties: list[DutyEntry] = []
    units: list[str] = []
    city_level: bool = False
    acr: str = "aal2"
    signed_in_minutes_ago: int = 10


class ResourceEntry(_Strict, frozen=True):
    """An object. Values: plain ones, {unit: CODE}, {citizen | official: PERSON}, {channel: NAME},
    {entity: "Type::id"}, lists."""

    type: str
    id: str
    attributes: dict[str, Any] = {}


class World(_Strict, frozen=True):
    """What cases speak of. `units`: code to inner id."""

    now: datetime
    units: dict[str, int]
    people: dict[str, Person]
    resources: dict[str, ResourceEntry]


class CaseEntry(_Strict, frozen=True):
    """One line of a file. Lists in `who` and `does` stand for every combination."""

    name: str
    who: str | list[str]
    does: str | list[str]
    to: str
    expect: Literal["allow", "deny"]
    by: list[str] = []


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its answer."""

    name: str
    who: str
    action: str
    resource: str
    expect: str
    by: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.who} {self.action} {self.resource})"


class CaseRunner:
    """Asks an engine every case of a world."""

    def __init__(self, engine: PolicyEngine, world: World) -> None:
        self._engine = engine
        self._world = world

    def answer(self, case: Case, engine: PolicyEngine | None = None) -> tuple[str, tuple[str, ...]]:
        """("allow" | "deny" | "error", determining policies)."""
        try:
            principal = _principal(self._world, self._world.people[case.who])
            resource = _resource(self._world, self._world.resources[case.resource])
        except KeyError as error:
            raise CasesInvalid(f"{case}: the world has no {error}") from error
        try:
            decision = (engine or self._engine).authorise(
                principal, case.action, resource, now=self._world.now
            )
        except PolicyDenied as refusal:
            return "deny", refusal.policies
        except Forbidden:
            return "error", ()
        return "allow", decision.policies

    def differences(self, cases: Sequence[Case]) -> Iterator[str]:
        """Every case whose answer differs from what it claims."""
        for case in cases:
            answer, policies = self.answer(case)
            if (answer, policies) != (case.expect, case.by):
                yield f"{case}: expected {case.expect} by {_list(case.by)}, got {answer} by {_list(policies)}"

    def gaps(self, cases: Sequence[Case]) -> Iterator[str]:
        """Every policy and action that the cases leave untested."""
        for action in sorted(self._engine.actions):
            for expected in ("allow", "deny"):
                if not any(case.action == action and case.expect == expected for case in cases):
                    yield f"action {action} has no {expected} case"
        for policy, effect in sorted(self._engine.effects.items()):
            if effect == "permit" and not any(c.expect == "allow" and policy in c.by for c in cases):
                yield f"policy {policy} has no allow case"
            if effect == "forbid" and not self._decisive(policy, cases):
                yield f"policy {policy} has no deny case that would be allowed without it"
            if _has_conditions(self._engine, policy) and not self._noticed(policy, cases):
                yield f"policy {policy}: no case differs when its conditions are dropped"

    def _decisive(self, forbid: str, cases: Sequence[Case]) -> bool:
        """Whether some case is refused by `forbid` and by nothing else."""
        without = _without(self._engine, forbid)
        mine = [case for case in cases if case.expect == "deny" and case.by == (forbid,)]
        return any(self.answer(case, without)[0] == "allow" for case in mine)

    def _noticed(self, policy: str, cases: Sequence[Case]) -> bool:
        """Whether some case differs once `policy` has lost its conditions."""
        wider = _unconditional(self._engine, policy)
        return any(self.answer(case, wider) != (case.expect, case.by) for case in cases)


def load_cases(folder: Path) -> tuple[World, tuple[Case, ...]]:
    """The world and the cases of `folder`/cases. Raises CasesInvalid."""
    files = sorted(file for file in (folder / "cases").glob("*.yaml") if file.name != WORLD)
    world = _read(folder / "cases" / WORLD, World)
    cases = tuple(case for file in files for entry in _read(file, list[CaseEntry]) for case in _each(entry))
    if not cases:
        raise CasesInvalid(f"no cases in {folder}")
    return world, cases


def check(folder: Path) -> tuple[int, list[str]]:
    """(number of cases, everything that is wrong). Raises CasesInvalid and PolicyInvalid."""
    world, cases = load_cases(folder)
    runner = CaseRunner(PolicyEngine.load(folder), world)
    return len(cases), [*runner.differences(cases), *runner.gaps(cases)]


def main(arguments: Sequence[str]) -> int:
    """Check the folders named. 0 when everything is as claimed."""
    if not arguments:
        print("usage: python -m foundation.policy.cases FOLDER...", file=sys.stderr)
        return 2
    wrong = 0
    for folder in arguments:
        count, problems = check(Path(folder))
        for problem in problems:
            print(f"{folder}: {problem}", file=sys.stderr)
        print(f"{folder}: {count} cases, {len(problems)} problems")
        wrong += len(problems)
    return 1 if wrong else 0


def _read(file: Path, kind: type[S]) -> S:
    try:
        return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), kind, strict=True)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise CasesInvalid(f"{file}: {error}") from error


def _each(entry: CaseEntry) -> Iterator[Case]:
    people = [entry.who] if isinstance(entry.who, str) else entry.who
    actions = [entry.does] if isinstance(entry.does, str) else entry.does
    for who, action in product(people, actions):
        yield Case(entry.name, who, action, entry.to, entry.expect, tuple(sorted(entry.by)))


def _list(policies: tuple[str, ...]) -> str:
    return ", ".join(policies) or "nothing"


def _principal(world: World, person: Person) -> Caller:
    origin = replace(_ORIGIN, network_kind=person.network_kind)
    if person.described is not None:
        return _described(world, person.described)
    if person.system is not None:
        return SystemPrincipal(origin, person.system)
    if person.channel is not None:
        return ChannelPrincipal(origin, person.channel, person.channel_state)
    if person.citizen is not None:
        return CitizenPrincipal(origin, _session(world, person, person.citizen), person.citizen)
    if person.official is None:
        return AnonymousPrincipal(origin)
    return OfficialPrincipal(
        origin=origin,
        session=_session(world, person, person.official),
        official_id=person.official,
        unit_id=world.units[person.works_for],
        unit_code=person.works_for,
        duties=tuple(Duty(duty.kind, world.units[duty.unit], duty.unit) for duty in person.duties),
        units=frozenset(world.units[code] for code in person.units),
        city_level=person.city_level,
        device=_device(person.device, person.official),
    )


def _described(world: World, entry: Described) -> DescribedCaller:
    return DescribedCaller(
        EntityRef(entry.type, entry.id),
        tuple((name, _value(world, value)) for name, value in entry.attributes.items()),
        tuple((name, _value(world, value)) for name, value in entry.circumstances.items()),
    )


def _device(entry: DeviceEntry | None, official: UUID) -> OfficialDevice | None:
    return None if entry is None else OfficialDevice(entry.thumbprint, entry.owner or official, entry.state)


def _session(world: World, person: Person, subject: UUID) -> VerifiedSession:
    return VerifiedSession(
        iss="https://localhost/realms/case",
        sub=str(subject),
        sid="case",
        jkt="case",
        azp="case",
        acr=person.acr,
        amr=(),
        auth_time=world.now - timedelta(minutes=person.signed_in_minutes_ago),
        expires_at=world.now + timedelta(minutes=5),
        organisation=person.works_for or None,
        token_digest=b"",
    )


def _resource(world: World, entry: ResourceEntry) -> Resource:
    attributes = {name: _value(world, value) for name, value in entry.attributes.items()}
    # A unit's id is the inner one, as everywhere.
    identifier = str(world.units[entry.id]) if entry.type == "Unit" else entry.id
    return Resource(entry.type, identifier, attributes)


def _value(world: World, value: Any) -> Value:
    match value:
        case list():
            return tuple(_scalar(world, item) for item in value)
        case _:
            return _scalar(world, value)


def _scalar(world: World, value: Any) -> bool | int | str | datetime | EntityRef:
    match value:
        case {"unit": str(code)}:
            return unit_ref(world.units[code])
        case {"citizen": str(name)}:
            return citizen_ref(_known(world.people[name].citizen))
        case {"official": str(name)}:
            return official_ref(_known(world.people[name].official))
        case {"channel": str(name)}:
            return channel_ref(name)
        case {"entity": str(name)}:
            kind, _, identifier = name.partition("::")
            return EntityRef(kind, identifier)
        case bool() | int() | str() | datetime():
            return value
    raise CasesInvalid(f"not a value: {value!r}")


def _has_conditions(engine: PolicyEngine, policy: str) -> bool:
    return any(
        body["conditions"] and body["annotations"]["id"] == policy
        for body in policy_tree(engine.texts[1])["staticPolicies"].values()
    )


def _without(engine: PolicyEngine, policy: str) -> PolicyEngine:
    """The same policies less one."""
    schema, text = engine.texts
    tree = policy_tree(text)
    kept = {
        name: body for name, body in tree["staticPolicies"].items() if body["annotations"]["id"] != policy
    }
    return _rebuilt(schema, {**tree, "staticPolicies": kept})


def _unconditional(engine: PolicyEngine, policy: str) -> PolicyEngine:
    """The same policies, one of them without its conditions."""
    schema, text = engine.texts
    tree = policy_tree(text)
    for body in tree["staticPolicies"].values():
        if body["annotations"]["id"] == policy:
            body["conditions"] = []
    return _rebuilt(schema, tree)


def _rebuilt(schema: str, tree: dict[str, Any]) -> PolicyEngine:
    return PolicyEngine(schema, cedarpy.policies_from_json_str(json.dumps(tree)))


def _known(identifier: UUID | None) -> UUID:
    if identifier is None:
        raise CasesInvalid("a person is named as what he is not")
    return identifier


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
