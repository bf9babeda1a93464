"""A decision of ours against cedarpy's own with a PolicySet handle and entities as JSON.

Both begin with the same principal, report and moment and end with decision, policy ids and errors. The peer
has the schema handle too: without it `action in` is silently false and forbids on groups do not apply.
What a decision costs depends on what was decided before, so each case has a row:

- again: a report and person decided on before;
- new report: another report with the same handler and former handlers as one decided on before;
- new history: handler and former handlers that this person was never asked with;
- new person: the person's first decision since the start or since a duty changed.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any
from uuid import UUID

import cedarpy

from backend.reports.types import report_resource
from foundation.identity.principal import Duty, OfficialPrincipal, Origin, VerifiedSession
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource, context_of, entity_json, principal_ref, principal_resource
from stack.home import ROOT

TARGET = 0.45
ROUNDS = 15
CALLS = 60
PAGE = 50
CITY_UNITS = 144
QUESTIONS = CALLS * (ROUNDS + 1)
PEER = f"cedarpy {version('cedarpy')}"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ACTION = "report.read"

Work = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class _Case:
    """A row: the numbered question of each call, made before the clock starts."""

    work: str
    people: list[OfficialPrincipal]
    reports: list[Resource]


def run() -> Iterator[dict[str, Any]]:
    """Median CPU time of a decision in µs, both in turn on the same questions."""
    engine = PolicyEngine.load(ROOT / "policies" / "backend")
    peer = _Peer(engine)
    for case in _cases():
        ours = _ours(engine, case)
        yield _row(case.work, *_paired(ours, _asked(peer, case)), "PolicySet, Schema, JSON entities")
    page = [_report(number, ()) for number in range(PAGE)]
    yield _row(
        f"{PAGE} rows decided again, one unit",
        *_paired(
            lambda _: engine.authorise_many(_official(1), ACTION, page, now=NOW),
            lambda _: peer.many(_official(1), page),
            calls=4,
        ),
        "one batch of PolicySet, Schema, JSON entities",
    )


def _cases() -> Iterator[_Case]:
    for units in (1, CITY_UNITS):
        size = "one unit" if units == 1 else f"{units} units"
        one = [_official(units)] * QUESTIONS
        many = [replace(one[0], official_id=UUID(int=number + 1)) for number in range(QUESTIONS)]
        same = [_report(0, ())] * QUESTIONS
        fresh = [_report(number, ()) for number in range(QUESTIONS)]
        # Two former handlers that nobody has had before.
        moved = [_report(number, (1_000 + 2 * number, 1_001 + 2 * number)) for number in range(QUESTIONS)]
        yield _Case(f"again, {size}", one, same)
        yield _Case(f"new report, {size}", one, fresh)
        yield _Case(f"new history, {size}", one, moved)
        yield _Case(f"new person, {size}", many, fresh)


class _Peer:
    """cedarpy as its manual has it."""

    def __init__(self, engine: PolicyEngine) -> None:
        schema, policies = engine.texts
        self._schema = cedarpy.Schema.from_str(schema)
        self._policies = cedarpy.PolicySet.from_str(policies)

    def one(self, who: OfficialPrincipal, report: Resource) -> object:
        """One decision."""
        entities = [entity_json(principal_resource(who)), entity_json(report)]
        result = cedarpy.is_authorized(_request(who, report), self._policies, entities, self._schema)
        return _told(result)

    def many(self, who: OfficialPrincipal, reports: list[Resource]) -> object:
        """One batch."""
        entities = [entity_json(principal_resource(who)), *map(entity_json, reports)]
        requests = [_request(who, report) for report in reports]
        results = cedarpy.is_authorized_batch(requests, self._policies, entities, self._schema)
        return [_told(result) for result in results]


def _told(result: cedarpy.AuthzResult) -> object:
    if result.diagnostics.errors or not result.allowed:
        raise RuntimeError("every question here is allowed")
    return tuple(sorted(result.diagnostics.id_annotations_by_reason.values()))


def _request(who: OfficialPrincipal, report: Resource) -> dict[str, Any]:
    ref = principal_ref(who)
    return {
        "principal": {"type": ref.type, "id": ref.id},
        "action": {"type": "Action", "id": ACTION},
        "resource": {"type": report.type, "id": report.id},
        "context": json.dumps(context_of(who, NOW)),
    }


def _ours(engine: PolicyEngine, case: _Case) -> Work:
    return lambda number: engine.authorise(case.people[number], ACTION, case.reports[number], now=NOW)


def _asked(peer: _Peer, case: _Case) -> Work:
    return lambda number: peer.one(case.people[number], case.reports[number])


def _paired(ours: Work, peer: Work, calls: int = CALLS) -> tuple[float, float, float]:
    """(ours, peer, ratio): medians over rounds, the two in turn, the ratio round by round."""
    measured = []
    for number in range(ROUNDS + 1):
        numbers = range(number * calls, (number + 1) * calls)
        if number % 2:
            mine = _timed(ours, numbers)
            theirs = _timed(peer, numbers)
        else:
            theirs = _timed(peer, numbers)
            mine = _timed(ours, numbers)
        measured.append((mine, theirs))
    kept = measured[1:]
    median = statistics.median
    return median(m for m, _ in kept), median(t for _, t in kept), median(m / t for m, t in kept)


def _timed(work: Work, numbers: range) -> float:
    began = time.process_time()
    for number in numbers:
        work(number)
    return (time.process_time() - began) / len(numbers) * 1e6


def _row(work: str, ours: float, peer: float, ratio: float, peer_name: str) -> dict[str, Any]:
    return {
        "name": "policy",
        "work": f"decide {ACTION}: {work}",
        "ours": f"{ours:.0f} µs CPU",
        "peer": f"{peer:.0f} µs CPU",
        "peer_name": f"{PEER}: {peer_name}",
        "ratio": round(ratio, 3),
        "target": f"at most {TARGET}",
    }


def _official(units: int) -> OfficialPrincipal:
    session = VerifiedSession(
        iss="https://localhost/realms/hanoi-ioc",
        sub="bench",
        sid="bench",
        jkt="x" * 43,
        azp="ioc-ipad",
        acr="aal2",
        amr=("pwd", "otp"),
        auth_time=NOW - timedelta(minutes=10),
        expires_at=NOW + timedelta(minutes=5),
        organisation="00070",
        token_digest=b"",
    )
    return OfficialPrincipal(
        origin=Origin("bench", "203.0.113.0"),
        session=session,
        official_id=UUID(int=units),
        unit_id=70,
        unit_code="00070",
        duties=(Duty("handler", 70, "00070"),),
        units=frozenset(range(70, 70 + units)),
        city_level=False,
    )


def _report(number: int, participants: tuple[int, ...]) -> Resource:
    return report_resource(
        UUID(int=number + 1), UUID(int=number % 997), (70, 1), participants, 70, "received"
    )
