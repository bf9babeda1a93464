"""What a field asks of the sign-in, stated where the field stands and checked before execution."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_KEY = "access"


@dataclass(frozen=True, slots=True)
class Access:
    """`public`: runs without a token. `acr`, `max_age`: the level and age of the sign-in (RFC 9470)."""

    public: bool = False
    acr: str | None = None
    max_age: timedelta | None = None


SIGNED_IN = Access()


def public() -> Mapping[str, Access]:
    """Field metadata: anybody may ask, without a token."""
    return {_KEY: Access(public=True)}


def step_up(acr: str, max_age: timedelta | None = None) -> Mapping[str, Access]:
    """Field metadata: the sign-in has at least this level, and is at most this old."""
    return {_KEY: Access(acr=acr, max_age=max_age)}


def access_of(metadata: Mapping[Any, Any]) -> Access:
    """What a field's metadata states; a field that says nothing needs a sign-in and no more."""
    access = metadata.get(_KEY, SIGNED_IN)
    if not isinstance(access, Access):
        raise TypeError("field metadata 'access' is not an Access")
    return access
