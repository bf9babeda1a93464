"""Cursors in connections: for the same field, the same person, the same epoch, 90 days."""

from datetime import timedelta
from uuid import UUID

import pytest

from foundation.cursors import Cursors
from foundation.ids import b64u, unb64u
from foundation.paging import Position
from tests.graphql_schema.conftest import KEY, Api
from tests.graphql_schema.fakes import NOW, ROW_ID

MINE = "query($after: String) { myReports(after: $after) { edges { cursor } pageInfo { endCursor } } }"
INBOX = "query($after: String) { inbox(after: $after) { edges { cursor } } }"
UNITS = "query($after: String) { units(after: $after) { edges { cursor } pageInfo { hasPreviousPage } } }"


def _cursor(api: Api) -> str:
    cursor: str = api.post(MINE).json()["data"]["myReports"]["pageInfo"]["endCursor"]
    api.services.calls.clear()
    return cursor


def _code(api: Api, document: str, cursor: str, who: str = "lan") -> str:
    code: str = api.post(document, {"after": cursor}, who=who).json()["errors"][0]["extensions"]["code"]
    return code


def test_cursor_leads_to_the_position_it_was_made_of(api: Api) -> None:
    api.post(MINE, {"after": _cursor(api)})
    assert api.services.calls[0][2].after == Position(NOW, ROW_ID)


def test_edge_of_the_last_row_has_the_end_cursor(api: Api) -> None:
    found = api.post(MINE).json()["data"]["myReports"]
    assert found["edges"][-1]["cursor"] == found["pageInfo"]["endCursor"]


def test_cursor_of_names_leads_to_its_position(api: Api) -> None:
    first = api.post(UNITS, who=None).json()["data"]["units"]
    second = api.post(UNITS, {"after": first["edges"][0]["cursor"]}, who=None).json()["data"]["units"]
    assert (first["pageInfo"], second["pageInfo"], api.services.calls[1][-2]) == (
        {"hasPreviousPage": False},
        {"hasPreviousPage": True},
        ("hoan kiem", 7),
    )


def test_cursor_of_another_person_is_invalid(api: Api) -> None:
    assert _code(api, MINE, _cursor(api), who="hung") == "common.invalid_input"


def test_cursor_of_another_field_is_invalid(api: Api) -> None:
    assert _code(api, INBOX, _cursor(api)) == "common.invalid_input"


def test_cursor_with_a_flipped_bit_is_invalid(api: Api) -> None:
    octets = bytearray(unb64u(_cursor(api)))
    octets[9] ^= 1
    assert _code(api, MINE, b64u(bytes(octets))) == "common.invalid_input"


def test_cursor_older_than_90_days_has_expired(api: Api) -> None:
    cursor = _cursor(api)
    api.clock.advance(timedelta(days=90, seconds=1))
    assert _code(api, MINE, cursor) == "changes.cursor_expired"


def test_cursor_of_another_epoch_has_expired(api: Api) -> None:
    person = ("https://id.example/realms/ihanoi", "lan")
    older = Cursors(KEY, 0, api.clock).of_moment("myReports", person, Position(NOW, UUID(int=1)))
    assert _code(api, MINE, older) == "changes.cursor_expired"


@pytest.mark.parametrize("language", ["vi", "en"])
def test_refused_cursor_is_told_in_the_language_and_recorded(api: Api, language: str) -> None:
    messages = {
        "vi": "Giá trị của “after” không hợp lệ. Hãy sửa và gửi lại.",
        "en": "The value of “after” is not valid. Please correct it and send again.",
    }
    answer = api.post(MINE, {"after": "?"}, language=language).json()
    assert (answer["errors"][0]["message"], api.gateway.codes) == (
        messages[language],
        ["common.invalid_input"],
    )
