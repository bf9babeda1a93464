"""Which files a person's lists, look-ups and figures are made of: by hand, equal to what the policies allow.

`tests/vault/cadres/test_filters.py` compares it with the decision on each file, on random people; what a page
shows is decided again, one by one.
"""

from dataclasses import dataclass
from uuid import UUID

from vault.records.gate import Admitted

_LEVEL, _AGE = 3, 900


@dataclass(frozen=True, slots=True)
class Listable:
    """Files of `tenants` but `hidden` ones."""

    tenants: frozenset[str]
    hidden: frozenset[UUID]


def listable(admitted: Admitted) -> Listable:
    """What `admitted` may open, as policies/vault/cadres.cedar say it."""
    circumstances = dict(admitted.described.circumstances)
    level, age = circumstances["acr"], circumstances["sign_in_age"]
    fresh = isinstance(level, int) and level >= _LEVEL and isinstance(age, int) and age <= _AGE
    if not fresh or circumstances["second_factor"] is not True:
        return Listable(frozenset(), frozenset())
    return Listable(admitted.keeps | admitted.reads, admitted.barred)
