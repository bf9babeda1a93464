"""Cursors open for whoever they were made, where they were made, and for 90 days."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.clock import FrozenClock
from foundation.cursors import Cursors, person_of
from foundation.errors import CursorExpired, InvalidInput
from foundation.identity.principal import AnonymousPrincipal, Origin, SystemPrincipal
from foundation.ids import GlobalIds, b64u, unb64u
from foundation.paging import Position

KEY = bytes(range(64))
NOW = datetime(2026, 7, 1, tzinfo=UTC)
LAN = ("https://id.example/realms/ihanoi", "lan")
POSITION = Position(NOW, UUID(int=5))
VECTORS = json.loads(
    (Path(__file__).parents[2] / "mobile_contract" / "vectors" / "cursors.json").read_text(encoding="utf-8")
)


def cursors(epoch: int = 1, at: datetime = NOW, key: bytes = KEY) -> Cursors:
    return Cursors(key, epoch, FrozenClock(at))


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.uuids(),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_moment_round_trip(at: datetime, row: UUID, field: str, sub: str) -> None:
    position = Position(at, row)
    sealed = cursors().of_moment(field, ("iss", sub), position)
    assert cursors().moment(field, ("iss", sub), sealed) == position


@given(st.text(max_size=200), st.integers(-(2**31), 2**31 - 1))
def test_name_round_trip(name_key: str, number: int) -> None:
    sealed = cursors().of_name("units", LAN, (name_key, number))
    assert cursors().name("units", LAN, sealed) == (name_key, number)


@pytest.mark.parametrize("bit", range(8 * (1 + 16 + 9 + 24)))
def test_each_flipped_bit_is_refused(bit: int) -> None:
    octets = bytearray(unb64u(cursors().of_moment("f", LAN, POSITION)))
    octets[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(InvalidInput):
        cursors().moment("f", LAN, b64u(bytes(octets)))


@pytest.mark.parametrize(
    ("field", "person"),
    [
        ("g", LAN),
        ("f", (LAN[0], "hung")),
        ("f", ("https://id.example/realms/hanoi-ioc", "lan")),
        ("f", ("", "")),
        # The parts are told apart: moving a letter from one to the next is another person.
        ("f", (LAN[0] + "l", "an")),
        ("fh", (LAN[0][1:], "lan")),
    ],
)
def test_cursor_of_another_field_or_person_is_refused(field: str, person: tuple[str, str]) -> None:
    sealed = cursors().of_moment("f", LAN, POSITION)
    with pytest.raises(InvalidInput):
        cursors().moment(field, person, sealed)


def test_cursor_of_another_kind_is_refused() -> None:
    sealed = cursors().of_moment("f", LAN, POSITION)
    with pytest.raises(InvalidInput):
        cursors().name("f", LAN, sealed)


def test_cursor_under_another_key_is_refused() -> None:
    sealed = cursors(key=bytes(64)).of_moment("f", LAN, POSITION)
    with pytest.raises(InvalidInput):
        cursors().moment("f", LAN, sealed)


def test_global_id_is_no_cursor() -> None:
    with pytest.raises(InvalidInput):
        cursors().moment("f", LAN, GlobalIds(KEY).of_uuid("Citizen", UUID(int=5)))


def test_cursor_is_no_global_id() -> None:
    with pytest.raises(InvalidInput):
        GlobalIds(KEY).parse_uuid("f", cursors().of_moment("f", LAN, POSITION))


@pytest.mark.parametrize("text", ["", "A", "AQ", "AQ==", "Ag" + "A" * 60, "x" * 3_000, "Ω", "AQAA AAAA"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        cursors().moment("f", LAN, text)


def test_cursor_of_90_days_opens() -> None:
    sealed = cursors().of_moment("f", LAN, POSITION)
    assert cursors(at=NOW + timedelta(days=90)).moment("f", LAN, sealed) == POSITION


def test_cursor_older_than_90_days_has_expired() -> None:
    sealed = cursors().of_moment("f", LAN, POSITION)
    with pytest.raises(CursorExpired):
        cursors(at=NOW + timedelta(days=90, seconds=1)).moment("f", LAN, sealed)


@pytest.mark.parametrize("epoch", [0, 2])
def test_cursor_of_another_epoch_has_expired(epoch: int) -> None:
    sealed = cursors(epoch).of_moment("f", LAN, POSITION)
    with pytest.raises(CursorExpired):
        cursors().moment("f", LAN, sealed)


@pytest.mark.parametrize("principal", [AnonymousPrincipal, lambda origin: SystemPrincipal(origin, "worker")])
def test_nobody_and_jobs_are_one_empty_person(principal: Any) -> None:
    assert person_of(principal(Origin("r", "203.0.113.0"))) == ("", "")


@pytest.mark.parametrize("vector", VECTORS["moments"], ids=lambda vector: vector["name"])
def test_moment_vector(vector: dict[str, Any]) -> None:
    sealer = Cursors(
        bytes.fromhex(vector["key"]), vector["epoch"], FrozenClock(datetime.fromisoformat(vector["issued"]))
    )
    position = Position(datetime.fromisoformat(vector["at"]), UUID(vector["id"]))
    person = (vector["iss"], vector["sub"])
    assert sealer.of_moment(vector["field"], person, position) == vector["cursor"]


@pytest.mark.parametrize("vector", VECTORS["names"], ids=lambda vector: vector["name"])
def test_name_vector(vector: dict[str, Any]) -> None:
    sealer = Cursors(
        bytes.fromhex(vector["key"]), vector["epoch"], FrozenClock(datetime.fromisoformat(vector["issued"]))
    )
    position = (vector["name_key"], vector["number"])
    assert sealer.of_name(vector["field"], (vector["iss"], vector["sub"]), position) == vector["cursor"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_refused_vector(vector: dict[str, Any]) -> None:
    sealer = Cursors(
        bytes.fromhex(vector["key"]), vector["epoch"], FrozenClock(datetime.fromisoformat(vector["now"]))
    )
    refusal = {error.code: error for error in (InvalidInput, CursorExpired)}[vector["code"]]
    with pytest.raises(refusal):
        sealer.moment(vector["field"], (vector["iss"], vector["sub"]), vector["cursor"])
