"""What is no cadre file, by the field that is wrong and never by what stands in it."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, TypeVar

import msgspec

from foundation.errors import InvalidInput
from vault.cadres.types import CadreFile

T = TypeVar("T")
YOUNGEST = 16
_PATH = re.compile(r" - at `\$\.?(?P<path>[A-Za-z.\[\]]*)`")
_CENTURIES = {"male": {0: 1900, 2: 2000, 4: 2100}, "female": {1: 1900, 3: 2000, 5: 2100}}


def converted(value: Any, kind: type[T], within: str = "") -> T:
    """`value` as `kind`. Raises InvalidInput with the field's path: "file.career[...].since"."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        # The library's text may quote what was written; the path does not.
        found = _PATH.search(str(error))
        path = found["path"] if found else ""
        raise InvalidInput(".".join(filter(None, (within, path))) or "parameters") from None


def check(file: CadreFile, today: date) -> None:
    """Raise InvalidInput for the first thing that contradicts itself."""
    for field in _contradictions(file, today):
        raise InvalidInput(field)


def _contradictions(file: CadreFile, today: date) -> Iterator[str]:
    who = file.identity
    if not 1900 <= who.birth_date.year <= today.year - YOUNGEST:
        yield "file.identity.birthDate"
    if not _is_of(who.citizen_id, who.gender, who.birth_date):
        yield "file.identity.citizenId"
    if _after(who.party_joined, who.party_official):
        yield "file.identity.partyOfficial"
    if who.army is not None and _after(who.army.since, who.army.until):
        yield "file.identity.army.until"
    stages = [("career", n, one.since, one.until) for n, one in enumerate(file.career)]
    stages += [("training", n, one.since, one.until) for n, one in enumerate(file.training)]
    for name, number, since, until in stages:
        if _after(since, until) or since[:4] > str(today.year):
            yield f"file.{name}[{number}].since"
    for number, declaration in enumerate(file.assets):
        if declaration.on > today:
            yield f"file.assets[{number}].on"


def _is_of(citizen_id: str, gender: str, born: date) -> bool:
    """Decree 137/2015, 13: the fourth digit tells sex and century, the next two the year."""
    century = _CENTURIES[gender].get(int(citizen_id[3]))
    return century is not None and century + int(citizen_id[4:6]) == born.year


def _after(since: str | None, until: str | None) -> bool:
    """Whether a stage ends before it begins, as far as both are known."""
    if since is None or until is None:
        return False
    known = min(len(since), len(until))
    return since[:known] > until[:known]
