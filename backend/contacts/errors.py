"""Refusals of contacts."""

from foundation.errors import Refusal


class ContactUnavailable(Refusal):
    """What seals contacts is away; nothing was changed."""

    code = "contact.unavailable"
    vi = "Hiện chưa thể lưu hoặc mở thông tin liên hệ. Hãy thử lại sau ít phút."
    en = "Contact details can be neither kept nor opened just now. Please try again in a few minutes."


class NoContact(Refusal):
    """Nobody left a contact for this report."""

    code = "contact.none"
    vi = "Phản ánh này không có thông tin liên hệ."
    en = "There are no contact details for this report."
