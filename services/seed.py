"""Loads reference data (units, categories, rules, working hours), and demo people where a file names them.

`python -m services.seed --settings FILE [--people FILE --officials-issuer URL]`. FILE holds the
DatabaseSettings of `backend_migrator`. Loading again changes nothing.
"""

import argparse
import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import yaml

from foundation.database.connections import for_psycopg
from foundation.ids import new_uuid
from foundation.phones import Phone, PhoneDigests
from foundation.settings import DatabaseSettings, load
from foundation.vietnamese import fold, person_key, sort_key

BACKEND = Path(__file__).parent.parent / "backend"
CITY = "C0001"
# The day on which the two-level government and the 126 wards and communes began.
BEGINNING = date(2025, 7, 1)

_UNIT = """
INSERT INTO tenancy.unit (code, parent_id, name, name_key, kind)
VALUES (%(code)s, (SELECT id FROM tenancy.unit WHERE code = %(parent)s), %(name)s, %(name_key)s, %(kind)s)
ON CONFLICT (code) DO NOTHING
"""
_CATEGORY = """
INSERT INTO routing.category (code, name_vi, name_en, position)
VALUES (%(code)s, %(name_vi)s, %(name_en)s, %(position)s) ON CONFLICT (code) DO NOTHING
"""
_RULE_SET = """
INSERT INTO routing.rule_set (number, state, note, created_at)
VALUES (1, 'draft', 'Bộ quy tắc đầu tiên', now())
ON CONFLICT (number) DO NOTHING RETURNING number
"""
_RULE = """
INSERT INTO routing.rule (id, set_number, code, category, place_id, target_id)
VALUES (%(id)s, 1, %(code)s, nullif(%(category)s, ''), (SELECT id FROM tenancy.unit WHERE code = %(place)s),
        (SELECT id FROM tenancy.unit WHERE code = nullif(%(target)s, '')))
"""
_RULES_HOLD = "UPDATE routing.rule_set SET state = 'active', from_day = %s WHERE number = 1"
_CALENDAR = """
INSERT INTO deadlines.calendar (code, name_vi, name_en, observes_holidays)
VALUES (%(code)s, %(name_vi)s, %(name_en)s, %(observes_holidays)s) ON CONFLICT (code) DO NOTHING
"""
_HOURS = """
INSERT INTO deadlines.hours (calendar, from_day, week)
VALUES (%(code)s, %(from_day)s, cast(%(week)s AS int4multirange)) ON CONFLICT (calendar, from_day) DO NOTHING
"""
_DEADLINE_SET = """
INSERT INTO deadlines.rule_set (number, state, note, created_at)
VALUES (1, 'draft', 'Bộ thời hạn đầu tiên', now())
ON CONFLICT (number) DO NOTHING RETURNING number
"""
_DEADLINE = """
INSERT INTO deadlines.rule (set_number, code, category, urgency, place_id, calendar, receive, handle, wait,
  escalate)
VALUES (1, %(code)s, nullif(%(category)s, ''), nullif(%(urgency)s, ''),
        (SELECT id FROM tenancy.unit WHERE code = %(place)s), %(calendar)s, %(receive)s, %(handle)s, %(wait)s,
        %(escalate)s)
"""
_DEADLINES_HOLD = "UPDATE deadlines.rule_set SET state = 'active', from_day = %s WHERE number = 1"
_PAUSE_REASON = """
INSERT INTO deadlines.pause_reason (code, name_vi, name_en, longest, position)
VALUES (%(code)s, %(name_vi)s, %(name_en)s, %(longest)s, %(position)s) ON CONFLICT (code) DO NOTHING
"""
_OFFICIAL = """
INSERT INTO tenancy.official (id, issuer, subject, name, family_name, given_name, name_key, search_text,
                              username, email, unit_id, activated_on)
VALUES (%(id)s, %(issuer)s, %(subject)s, %(name)s, %(family_name)s, %(given_name)s, %(name_key)s,
        %(search_text)s, %(username)s, %(email)s,
        (SELECT id FROM tenancy.unit WHERE code = %(organisation)s), platform.today())
ON CONFLICT (issuer, subject) DO NOTHING
"""
_DUTY = """
INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)
SELECT %(id)s, o.id, u.id, %(kind)s, %(from_day)s FROM tenancy.official o, tenancy.unit u
WHERE o.issuer = %(issuer)s AND o.subject = %(subject)s AND u.code = %(unit)s
ON CONFLICT (official_id, unit_id, kind, from_day) DO NOTHING
"""

# A demo citizen has proven the number already, as if by an earlier sign-in.
_CITIZEN = """
INSERT INTO citizens.citizen (id, issuer, subject) VALUES (%(id)s, %(issuer)s, %(subject)s)
ON CONFLICT (issuer, subject) DO NOTHING
"""
_PHONE = """
INSERT INTO citizens.phone (citizen_id, digest, proven_at)
SELECT c.id, %(digest)s, now() FROM citizens.citizen c
WHERE c.issuer = %(issuer)s AND c.subject = %(subject)s ON CONFLICT DO NOTHING
"""


def units() -> Iterator[dict[str, Any]]:
    """The city, its departments and Party bodies, then the 126 wards and communes below the city."""
    data = BACKEND / "tenancy" / "data"
    for row in _rows(data / "units.csv"):
        yield {**row, "name_key": sort_key(row["name"])}
    for row in _rows(data / "wards.csv"):
        yield {**row, "parent": CITY, "name_key": sort_key(row["name"])}


def load_reference(connection: psycopg.Connection) -> None:
    """Units, categories, routing rules, working hours and deadlines, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(_UNIT, list(units()))
        data = BACKEND / "routing" / "data"
        cursor.executemany(_CATEGORY, list(_rows(data / "categories.csv")))
        # Rules that are there are an administrator's by now.
        if cursor.execute(_RULE_SET).fetchone() is not None:
            cursor.executemany(_RULE, [{**row, "id": new_uuid()} for row in _rows(data / "rules.csv")])
            cursor.execute(_RULES_HOLD, (BEGINNING,))
        calendars = list(_rows(BACKEND / "deadlines" / "data" / "calendars.csv"))
        cursor.executemany(_CALENDAR, calendars)
        cursor.executemany(_HOURS, [{**row, "from_day": BEGINNING} for row in calendars])
        load_deadlines(cursor)


def load_deadlines(cursor: psycopg.Cursor) -> None:
    """Deadlines and reasons for pauses, once categories, units and calendars are there."""
    data = BACKEND / "deadlines" / "data"
    if cursor.execute(_DEADLINE_SET).fetchone() is not None:
        cursor.executemany(_DEADLINE, list(_rows(data / "rules.csv")))
        cursor.execute(_DEADLINES_HOLD, (BEGINNING,))
    cursor.executemany(_PAUSE_REASON, list(_rows(data / "pause_reasons.csv")))


def load_people(connection: psycopg.Connection, people: dict[str, Any], issuer: str) -> None:
    """Demo officials and their duties, in the caller's transaction."""
    for person in people["officials"]:
        name = f"{person['family_name']} {person['given_name']}"
        identity = {"issuer": issuer, "subject": person["id"]}
        row = {
            "id": new_uuid(),
            "name": name,
            "family_name": person["family_name"],
            "given_name": person["given_name"],
            "name_key": person_key(name),
            "search_text": fold(f"{name} {person.get('username', '')}"),
            "username": person.get("username"),
            "email": person.get("email"),
            # Who has one duty belongs where it is.
            "organisation": person.get("organisation", person["duties"][0]["unit"]),
            "from_day": BEGINNING,
            **identity,
        }
        connection.execute(_OFFICIAL, row)
        for duty in person["duties"]:
            connection.execute(_DUTY, {"id": new_uuid(), "from_day": BEGINNING, **identity, **duty})


def load_citizens(
    connection: psycopg.Connection, people: dict[str, Any], issuer: str, digests: PhoneDigests
) -> None:
    """Demo citizens with their proven numbers, in the caller's transaction."""
    for person in people["citizens"]:
        identity = {"issuer": issuer, "subject": person["id"]}
        connection.execute(_CITIZEN, {"id": new_uuid(), **identity})
        connection.execute(_PHONE, {"digest": digests.of(Phone.parse(person["phone"])), **identity})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.seed")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--people", type=Path)
    parser.add_argument("--officials-issuer")
    parser.add_argument("--citizens-issuer")
    parser.add_argument("--phone-digest-key", type=Path)
    arguments = parser.parse_args()
    if (arguments.people is None) != (arguments.officials_issuer is None):
        parser.error("--people and --officials-issuer go together")
    if (arguments.citizens_issuer is None) != (arguments.phone_digest_key is None):
        parser.error("--citizens-issuer and --phone-digest-key go together")
    settings = load(arguments.settings, DatabaseSettings)
    with psycopg.connect(**for_psycopg(settings)) as connection:
        connection.execute("SET ROLE backend_owner")
        load_reference(connection)
        if arguments.people is not None:
            people = yaml.safe_load(arguments.people.read_text(encoding="utf-8"))
            load_people(connection, people, arguments.officials_issuer)
            if arguments.citizens_issuer is not None:
                digests = PhoneDigests.from_file(arguments.phone_digest_key)
                load_citizens(connection, people, arguments.citizens_issuer, digests)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    main()
