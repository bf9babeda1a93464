"""Lists are made of exactly what the policies let a person open, on random people and files."""

import os
import random
import secrets
from uuid import UUID

import pytest

from foundation.errors import Forbidden
from foundation.policy.entities import DescribedCaller, EntityRef, Resource
from tests.vault.parts import NOW
from tests.vault.records.office import POLICIES
from vault.cadres import filters
from vault.cadres.filters import Listable, listable
from vault.keyring.types import Class
from vault.records.gate import Admitted, holding_ref

TENANTS = ("00070", "00376", "D0001", "P0002")
FILES = [(UUID(int=number), TENANTS[number % 4]) for number in range(1, 41)]


@pytest.fixture
def draw() -> random.Random:
    """Other people each time; a failure names the seed, and IOC_TEST_SEED brings them back."""
    seed = int(os.environ.get("IOC_TEST_SEED") or secrets.randbits(32))
    print(f"IOC_TEST_SEED={seed}")
    return random.Random(seed)


def _some(draw: random.Random, values: list, most: int) -> frozenset:
    return frozenset(draw.sample(values, draw.randint(0, most)))


def _person(draw: random.Random) -> Admitted:
    keeps, reads = _some(draw, list(TENANTS), 3), _some(draw, list(TENANTS), 3)
    records = [record for record, _ in FILES]
    own, above = _some(draw, records, 2), _some(draw, records, 4)
    described = DescribedCaller(
        EntityRef("Person", f"p{draw.randint(1, 9)}"),
        (
            ("keeps", tuple(holding_ref(one, Class.PARTY) for one in sorted(keeps))),
            ("reads", tuple(holding_ref(one, Class.PARTY) for one in sorted(reads))),
            ("own", tuple(EntityRef("CadreFile", str(one)) for one in sorted(own))),
            ("superiors", tuple(EntityRef("CadreFile", str(one)) for one in sorted(above))),
        ),
        (
            ("acr", draw.choice((2, 3, 3, 3))),
            ("sign_in_age", draw.choice((0, 899, 900, 901))),
            ("second_factor", draw.random() < 0.8),
        ),
    )
    return Admitted(described, keeps, reads, own | above, 1)


def _listed(person: Admitted) -> set[UUID]:
    of = filters.listable(person)
    return {record for record, tenant in FILES if tenant in of.tenants and record not in of.hidden}


def _decided(person: Admitted) -> set[UUID]:
    found = set()
    for record, tenant in FILES:
        resource = Resource("CadreFile", str(record), {"holding": holding_ref(tenant, Class.PARTY)})
        try:
            POLICIES.authorise(person.described, "cadre.open", resource, now=NOW)
        except Forbidden:
            continue
        found.add(record)
    return found


def test_lists_and_decisions_agree(draw: random.Random) -> None:
    people = [_person(draw) for _ in range(200)]
    assert [_listed(person) for person in people] == [_decided(person) for person in people]


def test_random_people_are_of_every_kind() -> None:
    sizes = {len(_decided(_person(random.Random(seed)))) for seed in range(200)}
    assert min(sizes) == 0
    assert len(sizes) > 10


def test_filter_that_forgets_the_own_file_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "listable", lambda one: Listable(listable(one).tenants, frozenset()))
    people = [_person(random.Random(seed)) for seed in range(100)]
    assert [_listed(person) for person in people] != [_decided(person) for person in people]
