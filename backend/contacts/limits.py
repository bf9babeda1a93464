"""What a contact and the reason for opening it may look like."""

import re

from backend.contacts.types import Contact, NameShown, Purpose
from foundation.errors import InvalidInput
from foundation.phones import Phone
from foundation.texts import checked_label

MAX_NAME = 120
_MAX_EMAIL = 254
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# A number with a mark behind it, as documents have: "128/UBND-VP". A phone number or a name does not fit, and
# nothing that the audit log refuses (audit.codes.CASE): its event would fail, and the opening with it.
_CASE = re.compile(r"[0-9]{1,6}(/[0-9]{4})?/[A-Z][A-Z0-9]{1,15}(-[A-Z0-9]{1,16}){0,2}")


def checked_contact(name: str | None, phone: str | None, email: str | None, shown: NameShown) -> Contact:
    """The contact as it is sealed. Raises InvalidInput naming the field."""
    kept = None if name is None else checked_label("name", name, MAX_NAME)
    if email is not None and (len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email)):
        raise InvalidInput("email")
    contact = Contact(
        name=kept if shown is NameShown.HANDLER else None,
        phone=None if phone is None else Phone.parse(phone).e164,
        email=email,
    )
    if contact == Contact():
        raise InvalidInput("phone")
    return contact


def checked_case(purpose: Purpose, case_number: str | None) -> str | None:
    """The number of the document behind a request by the law, with D for Đ; others may name one.

    Raises InvalidInput.
    """
    if case_number is None and purpose is not Purpose.LEGAL_REQUEST:
        return None
    case = "" if case_number is None else case_number.replace("Đ", "D")
    if not _CASE.fullmatch(case):
        raise InvalidInput("caseNumber")
    return case
