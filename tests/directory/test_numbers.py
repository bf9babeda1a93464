"""Since when a number is noted at Keycloak, and what is too new to recover an account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from directory.errors import NumberTooNew
from directory.numbers import noted, settled_number

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
NOTICE = timedelta(days=14)
PHONE, OTHER = "+84977000001", "+84977000002"


def user(phone: str | None = PHONE, since: str | None = None) -> dict[str, Any]:
    """As Keycloak shows somebody."""
    given = {"phone_verified": phone, "phone_verified_at": since}
    return {"attributes": {name: [value] for name, value in given.items() if value is not None}}


def test_number_of_the_notice_recovers() -> None:
    assert settled_number(user(since=(NOW - NOTICE).isoformat()), NOW, NOTICE) == PHONE


@pytest.mark.parametrize(
    "since",
    [
        None,
        "",
        "long ago",
        "2020-01-01T00:00:00",  # of no zone
        (NOW - NOTICE + timedelta(seconds=1)).isoformat(),
        (NOW + timedelta(days=1)).isoformat(),
    ],
)
def test_number_that_is_new_or_of_no_moment_recovers_nothing(since: str | None) -> None:
    with pytest.raises(NumberTooNew):
        settled_number(user(since=since), NOW, NOTICE)


def test_account_without_a_number_is_recovered_by_none() -> None:
    with pytest.raises(NumberTooNew):
        settled_number(user(None, (NOW - NOTICE).isoformat()), NOW, NOTICE)


def test_another_number_is_new_and_the_same_one_is_as_old_as_it_was() -> None:
    before = user(since="2026-01-01T00:00:00+00:00")
    assert noted(PHONE, before, NOW)["phone_verified_at"] == ["2026-01-01T00:00:00+00:00"]
    assert noted(OTHER, before, NOW) == {
        "phone": [OTHER],
        "phone_verified": [OTHER],
        "phone_verified_at": ["2026-11-27T08:00:00+00:00"],
    }
    assert noted(PHONE, user(), NOW)["phone_verified_at"] == ["2026-11-27T08:00:00+00:00"]
