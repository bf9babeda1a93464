"""Limits of what people may send about officials. The database repeats them."""

import re
import unicodedata
from datetime import date, timedelta

from backend.officials.errors import UnknownUnit
from backend.officials.types import DutyEnding, DutyGift, Invitation
from foundation.errors import InvalidInput
from foundation.ids import is_unit_code

MAX_NAME = 99
"""Of each part: with the space between them a whole name has at most 199 characters."""
MAX_NOTE = 500
MAX_DUTIES = 20
MAX_SEARCH = 100
LONGEST_DUTY = timedelta(days=3_660)
_USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,39}")
# The form that mail systems of offices accept; whether somebody reads it shows when the link is followed.
_EMAIL = re.compile(r"[a-z0-9][a-z0-9._+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")
_QUARTER = re.compile(r"20[0-9]{2}Q[1-4]")
# Letters with marks, spaces, and what stands in names: O'Brien, Y-Nhi, H'Hen.
_IN_NAMES = frozenset(" '’-.")


def checked_invitation(given: Invitation) -> Invitation:
    """The invitation in its canonical form: NFC, single spaces, lower-case user name and address.

    Raises InvalidInput naming the field, UnknownUnit for what can be no unit.
    """
    username, email = given.username.strip().lower(), given.email.strip().lower()
    if not _USERNAME.fullmatch(username):
        raise InvalidInput("username")
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise InvalidInput("email")
    if len(given.duties) > MAX_DUTIES:
        raise InvalidInput("duties")
    return Invitation(
        unit=checked_unit(given.unit),
        username=username,
        email=email,
        family_name=checked_name("familyName", given.family_name),
        given_name=checked_name("givenName", given.given_name),
        duties=given.duties,
    )


def checked_name(field: str, value: str) -> str:
    """A part of a name: letters of any alphabet with their marks. Raises InvalidInput."""
    # Vietnamese letters may come as a letter and its marks: one form is kept, so that one name is one text.
    name = unicodedata.normalize("NFC", " ".join(value.split()))
    if not 1 <= len(name) <= MAX_NAME or not name[0].isalpha():
        raise InvalidInput(field)
    if not all(letter in _IN_NAMES or unicodedata.category(letter)[0] in "LM" for letter in name):
        raise InvalidInput(field)
    return name


def checked_note(value: str, field: str = "note") -> str:
    """A reason in words, 1–500 characters. Raises InvalidInput."""
    note = value.strip()
    if not 1 <= len(note) <= MAX_NOTE or any(
        unicodedata.category(letter) in {"Cc", "Cs"} and letter not in "\n\t" for letter in note
    ):
        raise InvalidInput(field)
    return note


def checked_unit(code: str) -> str:
    """A code that can be a unit's. Raises UnknownUnit."""
    if not is_unit_code(code):
        raise UnknownUnit(code)
    return code


def checked_quarter(quarter: str) -> str:
    """ "2026Q4". Raises InvalidInput."""
    if not _QUARTER.fullmatch(quarter):
        raise InvalidInput("quarter")
    return quarter


def days_of_gift(gift: DutyGift, today: date) -> tuple[date, date | None]:
    """First and last day of a duty to be given. Raises InvalidInput: past, reversed, or beyond ten years."""
    first = gift.from_day or today
    if not today <= first <= today + LONGEST_DUTY:
        raise InvalidInput("fromDay")
    if gift.until_day is not None and not first <= gift.until_day <= today + LONGEST_DUTY:
        raise InvalidInput("untilDay")
    return first, gift.until_day


def last_day_of(ending: DutyEnding, today: date) -> date:
    """The last day on which the duty counts; yesterday when it ends at once. Raises InvalidInput."""
    yesterday = today - timedelta(days=1)
    last = ending.last_day or yesterday
    if not yesterday <= last <= today + LONGEST_DUTY:
        raise InvalidInput("lastDay")
    return last
