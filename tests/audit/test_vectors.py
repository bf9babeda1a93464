"""`mobile_contract/vectors/audit/lines.json`: what a checker in another language must reproduce."""

import hashlib
from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from audit.log import leaf_bytes
from audit.ocsf import LineContext, build_line
from audit.pseudonyms import pseudonym
from foundation.clock import quarter_of
from foundation.identity.principal import (
    AnonymousPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    Principal,
    SystemPrincipal,
)
from foundation.recording import AuditEvent, EventClass
from stack.home import ROOT
from tests.audit.parts import session

FILE: Path = ROOT / "mobile_contract/vectors/audit/lines.json"
VECTORS = orjson.loads(FILE.read_bytes())
ID = UUID(int=0)


def principal_of(vector: dict) -> Principal:
    """The actor that a vector describes."""
    who = vector["principal"]
    origin = Origin(who["requestId"], who["network"])
    match who["kind"]:
        case "official":
            return OfficialPrincipal(origin, session(acr="aal2"), ID, 7, "00070", (), frozenset({7}), False)
        case "citizen":
            return CitizenPrincipal(origin, session(acr="aal1"), ID)
        case "system":
            return SystemPrincipal(origin, who["name"])
        case "anonymous":
            return AnonymousPrincipal(origin)
    raise ValueError(who["kind"])


def line_of(vector: dict) -> bytes:
    """The recorded line of a vector."""
    event = dict(vector["event"])
    event["event_class"] = EventClass(event["event_class"])
    event["policies"] = tuple(event.get("policies", ()))
    context = LineContext(
        service="ioc-backend",
        product_version=vector["productVersion"],
        origin=vector["origin"],
        event_id=UUID(vector["eventId"]),
        at=datetime.fromisoformat(vector["at"]),
        salt=bytes.fromhex(vector["salt"]),
        pseudonym=vector["pseudonym"],
    )
    return build_line(context, principal_of(vector), AuditEvent(**event), vector["refusal"])


@pytest.mark.parametrize("vector", VECTORS["lines"], ids=lambda vector: vector["name"])
def test_line_and_leaf_are_as_in_the_vector(vector: dict) -> None:
    line = line_of(vector)
    leaf = leaf_bytes(line, vector["origin"], vector["sequence"])
    assert (line.decode(), leaf.decode()) == (vector["line"], vector["leaf"])


@pytest.mark.parametrize("vector", VECTORS["lines"], ids=lambda vector: vector["name"])
def test_leaf_hash_is_that_of_rfc_6962(vector: dict) -> None:
    assert hashlib.sha256(b"\x00" + vector["leaf"].encode()).hexdigest() == vector["leafHash"]


@pytest.mark.parametrize("vector", VECTORS["pseudonyms"], ids=lambda vector: vector["name"])
def test_pseudonym_is_as_in_the_vector(vector: dict) -> None:
    assert pseudonym(bytes.fromhex(vector["key"]), vector["iss"], vector["sub"]) == vector["pseudonym"]


@pytest.mark.parametrize("vector", VECTORS["quarters"], ids=lambda vector: vector["at"])
def test_quarter_is_that_of_ha_noi(vector: dict) -> None:
    assert quarter_of(datetime.fromisoformat(vector["at"])) == vector["quarter"]
