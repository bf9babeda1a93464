"""The routing in SQL is the routing of the rules."""

from datetime import date

import pytest

from backend.routing.rules import indexed, route, rule_of_row
from backend.routing.types import Place
from foundation.ids import new_uuid
from tests.backend.channels.rig import Channels

DAY = date(2026, 11, 24)


def _differences(channels: Channels) -> list[tuple[str, str]]:
    rules = indexed(
        rule_of_row(row)
        for row in channels.rows(
            "SELECT r.id, r.code, r.category, r.place_id, r.target_id, r.supporting FROM routing.rule r"
            " JOIN routing.rule_set s ON s.number = r.set_number AND s.state = 'active'"
        )
    )
    active = frozenset(
        row[0]
        for row in channels.rows(
            "SELECT id FROM tenancy.unit WHERE kind <> 'party' AND (ended_on IS NULL OR ended_on > %s)", DAY
        )
    )
    found = channels.rows(
        "SELECT u.code, c.code, tenancy.path_of(u.id), f.unit_id, f.rule, f.place FROM tenancy.unit u,"
        " routing.category c, LATERAL channels.routed(c.code, tenancy.path_of(u.id), %s) f"
        " WHERE u.kind IN ('ward', 'commune', 'city')",
        DAY,
    )
    assert len(found) == 127 * 12
    return [
        (unit, category)
        for unit, category, path, *got in found
        if [*_routed(category, path, rules, active)] != got
    ]


def _routed(category, path, rules, active):  # type: ignore[no-untyped-def]
    routing = route(category, Place(tuple(path)), rules, active)
    return routing.unit_id, routing.rule, routing.place


@pytest.mark.parametrize(
    "change",
    [
        None,
        # A target that is no more is passed over; without any rule the nearest unit of the path.
        "UPDATE tenancy.unit SET ended_on = '2026-01-01' WHERE code IN ('D0001', '00070')",
        "DELETE FROM routing.rule",
    ],
)
async def test_every_category_in_every_ward_goes_where_the_rules_say(
    channels: Channels, change: str | None
) -> None:
    with channels.superuser() as connection:
        connection.execute("ALTER TABLE routing.rule DISABLE TRIGGER rule_of_draft")
        connection.execute(
            "INSERT INTO routing.rule (id, set_number, code, category, place_id, target_id)"
            " SELECT %s, s.number, 'tree-here', 'tree', w.id, d.id FROM routing.rule_set s, tenancy.unit w,"
            " tenancy.unit d WHERE s.state = 'active' AND w.code = '00004' AND d.code = 'D0002'",
            (new_uuid(),),
        )
        if change is not None:
            connection.execute(change.encode())
    assert _differences(channels) == []
