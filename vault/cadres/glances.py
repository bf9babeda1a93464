"""What lists, look-ups and figures read of a file, and how a name is matched and sorted."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from foundation.vietnamese import fold, person_key
from vault.cadres.types import Gender, PoliticalTheory, Qualification

_TONES = frozenset("\u0300\u0309\u0303\u0301\u0323")


class _Who(msgspec.Struct, frozen=True, rename="camel"):
    full_name: str
    birth_date: date
    gender: Gender
    unit: str
    post: str
    qualification: Qualification
    political_theory: PoliticalTheory


class Glance(msgspec.Struct, frozen=True):
    """The few fields of a file that are read; the rest is passed over undecoded."""

    code: str
    identity: _Who


@dataclass(frozen=True, slots=True)
class Seen:
    """One file that a scan came by."""

    record: UUID
    tenant: str
    version: int
    glance: Glance

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands among others: by given name, family name, middle; then by record."""
        return person_key(self.glance.identity.full_name), str(self.record)

    def shown(self) -> dict[str, Any]:
        """What a list shows."""
        who = self.glance.identity
        return {
            "record": str(self.record),
            "tenant": self.tenant,
            "version": self.version,
            "code": self.glance.code,
            "fullName": who.full_name,
            "birthDate": who.birth_date.isoformat(),
            "unit": who.unit,
            "post": who.post,
        }


DECODER = msgspec.json.Decoder(Glance)


@dataclass(frozen=True, slots=True)
class Query:
    """A look-up. What is None is not asked for."""

    name: str | None = None
    code: str | None = None
    unit: str | None = None
    post: str | None = None

    def finds(self, glance: Glance) -> bool:
        """Whether all that was asked for fits."""
        who = glance.identity
        return (
            (self.code is None or glance.code == self.code.upper())
            and (self.unit is None or who.unit == self.unit)
            and (self.post is None or fold(self.post) in fold(who.post))
            and (self.name is None or is_name(self.name, who.full_name))
        )


def is_name(asked: str, name: str) -> bool:
    """Whether each word asked for is one of the name's, the last one perhaps begun only.

    A word with diacritics wants just these, wherever the tone's sign stands ("hoà" is "hòa"); one without
    takes any.
    """
    words = name.split()
    *whole, last = asked.split() or [""]
    return all(any(_is_word(one, word) for word in words) for one in whole) and any(
        _begins(last, word) for word in words
    )


def _is_word(asked: str, word: str) -> bool:
    if fold(asked) == asked.lower():
        return fold(word) == fold(asked)
    return _letters(asked) == _letters(word)


def _begins(asked: str, word: str) -> bool:
    if fold(asked) == asked.lower():
        return fold(word).startswith(fold(asked))
    (letters, tone), (own, own_tone) = _letters(asked), _letters(word)
    return own.startswith(letters) and tone in ("", own_tone)


def _letters(word: str) -> tuple[str, str]:
    """A word's letters with the signs that make them others (ă, đ, ơ), and its tone."""
    decomposed = unicodedata.normalize("NFD", word.lower())
    tone = "".join(mark for mark in decomposed if mark in _TONES)
    rest = "".join(mark for mark in decomposed if mark not in _TONES)
    return unicodedata.normalize("NFC", rest), tone
