"""Random people and reports on a real database, and three answers to the same question: who may list what.

The answers: what the lists return, what the engine decides report by report, and what Cedar says when it is
asked afresh with everything, nothing left out and nothing remembered.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any, LiteralString
from uuid import UUID

import cedarpy
import psycopg

from backend.reports.queries import ReportQueries
from backend.reports.types import Report, ReportState, report_resource
from foundation.errors import Forbidden
from foundation.identity.principal import CitizenPrincipal, Duty, OfficialDevice, OfficialPrincipal
from foundation.paging import MAX_PAGE, Page, PageRequest
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import (
    Resource,
    context_of,
    device_resource,
    entity_json,
    principal_ref,
    principal_resource,
)
from foundation.policy.errors import PolicyErrored
from tests.backend.world import NOON, OFFICIALS, POLICIES, World, connect, session
from tests.conftest import Database

READ = "report.read"
TODAY = date(2026, 11, 24)
PLACES = ("C0001", "D0001", "D0002", "00070", "00376", "00004", "P0001", "P0002")
CODE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Both fit the schema; both go wrong for some people and not for others.
ERRORING = """
@id("lead-overflows")
forbid (principal is Official, action == Action::"report.read", resource)
when { !(principal.lead_of.isEmpty()) && context.acr + 9223372036854775807 > 0 };

@id("operator-overflows")
permit (principal is Official, action == Action::"report.read", resource)
when { principal.city_operator && context.acr * 9223372036854775807 > 0 };
"""

Person = CitizenPrincipal | OfficialPrincipal


@dataclass
class RandomWorld:
    """People with random duties, and reports that went from unit to unit."""

    seed: int
    people: list[Person] = field(default_factory=list)
    reports: list[tuple[str, Resource]] = field(default_factory=list)
    """Public code, and the report as policies see it."""


def erroring() -> PolicyEngine:
    """The backend's policies with two that raise errors."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(POLICIES.glob("*.cedar")))
    schema = (POLICIES / "schema.cedarschema").read_text(encoding="utf-8")
    return PolicyEngine(schema, text + ERRORING)


async def random_world(
    world: World, database: Database, seed: int, *, officials: int, citizens: int, reports: int
) -> RandomWorld:
    """Fill the database. The same seed gives the same world."""
    made = RandomWorld(seed)
    random = Random(seed)
    writers = [await world.citizen(f"citizen-{number}") for number in range(citizens)]
    with connect(database.settings(database.superuser)) as connection:
        units = _pairs(connection, "SELECT code, id FROM tenancy.unit")
        paths = _pairs(connection, "SELECT u.id, tenancy.path_of(u.id) FROM tenancy.unit u")
        with connection.transaction():
            _insert_reports(connection, random, units, writers, reports)
            for number in range(officials):
                _insert_official(connection, random, units, number)
        made.reports = _stored(connection, paths)
    made.people = [*writers, *[await _official(world, random, number) for number in range(officials)]]
    return made


async def listed(queries: ReportQueries, person: Person) -> set[str]:
    """Codes on all pages of the person's list; nothing when it is refused."""
    codes: set[str] = set()
    page = PageRequest(MAX_PAGE)
    while True:
        try:
            found = await _page(queries, person, page)
        except Forbidden:
            return set()
        codes |= {report.code for report in found.items}
        if not found.has_next:
            return codes
        page = PageRequest(MAX_PAGE, found.positions[-1])


def decided(engine: PolicyEngine, made: RandomWorld, person: Person) -> set[str]:
    """Codes of the reports that the engine lets the person read."""
    return {code for code, report in made.reports if _allowed(engine, person, report)}


def afresh(engine: PolicyEngine, made: RandomWorld) -> Callable[[Person], set[str]]:
    """The same as `decided`, by Cedar alone with every entity, attribute and circumstance."""
    schema, policies = engine.texts
    checked = cedarpy.Schema.from_str(schema)
    parsed = cedarpy.PolicySet.from_str(policies)
    resources = json.dumps([entity_json(report) for _, report in made.reports])
    base = cedarpy.Entities.from_json_str(resources, checked)

    def answer(person: Person) -> set[str]:
        try:
            context = context_of(person, NOON)
            added = [entity_json(principal_resource(person))]
        except PolicyErrored:
            return set()
        device = person.device if isinstance(person, OfficialPrincipal) else None
        if device is not None:
            added.append(entity_json(device_resource(device)))
        requests = [_request(person, report, context) for _, report in made.reports]
        entities = base.with_added_json_str(json.dumps(added), checked)
        results = cedarpy.is_authorized_batch(requests, parsed, entities, checked)
        return {
            code
            for (code, _), result in zip(made.reports, results, strict=True)
            if result.allowed and not result.diagnostics.errors
        }

    return answer


def _pairs(connection: psycopg.Connection, query: LiteralString) -> dict[Any, Any]:
    return dict(connection.execute(query).fetchall())


def _request(person: Person, report: Resource, context: dict[str, Any]) -> dict[str, Any]:
    who = principal_ref(person)
    return {
        "principal": {"type": who.type, "id": who.id},
        "action": {"type": "Action", "id": READ},
        "resource": {"type": report.type, "id": report.id},
        "context": json.dumps(context),
    }


def _allowed(engine: PolicyEngine, person: Person, report: Resource) -> bool:
    try:
        engine.authorise(person, READ, report, now=NOON)
    except Forbidden:
        return False
    return True


async def _page(queries: ReportQueries, person: Person, page: PageRequest) -> Page[Report]:
    if isinstance(person, CitizenPrincipal):
        return await queries.mine(person, page)
    return await queries.of_units(person, page, None, None)


def _insert_reports(
    connection: psycopg.Connection,
    random: Random,
    units: dict[str, int],
    writers: Sequence[CitizenPrincipal],
    count: int,
) -> None:
    # A Party body never handles a report: the database refuses it.
    handlers = [units[code] for code in PLACES if not code.startswith("P")] + random.sample(
        [unit for code, unit in units.items() if code.isdigit()], 3
    )
    wards = [unit for code, unit in units.items() if code.isdigit()]
    for _ in range(count):
        identifier = UUID(int=random.getrandbits(128))
        state = random.choice([state for state in ReportState if state is not ReportState.MERGED])
        connection.execute(
            "INSERT INTO reports.report (id, code, citizen_id, category, ward_id, h3_cell, place, body,"
            " state, handler_id, visible_units, routing_reason, answer, closing_reason, closed_at, version,"
            " created_at, updated_at)"
            " VALUES (%s, %s, %s, 'street_light', %s, %s, 'Ngõ 12', 'Đèn tắt', %s, %s, '{}', '{}', %s, %s,"
            " %s, 1, %s, %s)",
            (
                identifier,
                "".join(random.choices(CODE, k=16)),
                random.choice(writers).citizen_id,
                random.choice(wards),
                random.choice([None, 617700169957507071]),
                state,
                random.choice(handlers),
                random.choice([None, "Đã sửa."]),
                "resolved" if state is ReportState.CLOSED else None,
                NOON if state is ReportState.CLOSED else None,
                # Few moments for many reports, so that pages end between equal ones.
                NOON - timedelta(hours=random.randrange(40)),
                NOON,
            ),
        )
        for _ in range(random.choice([0, 0, 0, 0, 0, 1, 1, 2, 3])):
            connection.execute(
                "UPDATE reports.report SET handler_id = %s WHERE id = %s",
                (random.choice(handlers), identifier),
            )


def _insert_official(
    connection: psycopg.Connection, random: Random, units: dict[str, int], number: int
) -> None:
    identifier = UUID(int=number + 1)
    connection.execute(
        "INSERT INTO tenancy.official (id, issuer, subject, name, name_key) VALUES (%s, %s, %s, 'x', 'x')",
        (identifier, OFFICIALS, f"official-{number}"),
    )
    for _ in range(random.choice([0, 1, 1, 1, 2, 2, 3, 4])):
        kind = random.choices(["handler", "lead", "city_operator", "platform_admin"], [6, 3, 3, 1])[0]
        city = kind == "city_operator" and random.random() < 0.8
        began, ended = random.choices(
            [(-100, None), (-100, -1), (-100, 0), (0, None), (1, None)], [12, 2, 1, 1, 1]
        )[0]
        connection.execute(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day, until_day)"
            " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                identifier,
                units["C0001" if city else random.choice(PLACES)],
                kind,
                TODAY + timedelta(days=began),
                None if ended is None else TODAY + timedelta(days=ended),
            ),
        )


def _stored(connection: psycopg.Connection, paths: dict[int, list[int]]) -> list[tuple[str, Resource]]:
    rows = connection.execute(
        "SELECT code, id, citizen_id, handler_id, participants, ward_id, state FROM reports.report"
    )
    return [
        (code, report_resource(identifier, citizen, tuple(paths[handler]), tuple(participants), ward, state))
        for code, identifier, citizen, handler, participants, ward, state in rows
    ]


async def _official(world: World, random: Random, number: int) -> OfficialPrincipal:
    """As tenancy resolves him at some working organisation, then spoilt in some way, or not."""
    acr = random.choices(["aal1", "aal2", "aal3", "aal9"], [2, 20, 2, 1])[0]
    place = "C0001" if random.random() < 0.35 else random.choice(PLACES)
    person = await world.tenancy.principal_of(
        session(OFFICIALS, f"official-{number}", place, acr), world.origin()
    )
    own = OfficialDevice("own", person.official_id, "enrolled")
    late = replace(person.session, auth_time=NOON + timedelta(minutes=5))
    return random.choices(
        [
            person,
            replace(person, device=own),
            replace(person, device=replace(own, state="revoked")),
            replace(person, device=replace(own, owner_id=UUID(int=0))),
            replace(person, origin=replace(person.origin, network_kind="city")),
            replace(person, origin=replace(person.origin, network_kind="moon")),
            replace(person, duties=(*person.duties, Duty("inspector", 1, "C0001"))),
            replace(person, session=late),
        ],
        [40, 3, 2, 2, 3, 1, 1, 1],
    )[0]
