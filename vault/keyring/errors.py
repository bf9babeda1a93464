"""What goes wrong with keys."""

from foundation.errors import Refusal


class KeyringUnavailable(Refusal):
    """OpenBao is away, sealed, slow or refuses us, or its keys can't be kept: nothing is opened or sealed."""

    code = "vault.keyring_unavailable"
    vi = "Kho khóa của kho dữ liệu tạm thời không phục vụ. Hãy thử lại sau."
    en = "The vault's keys are not available at the moment. Please try again later."


class EnvelopeRefused(Exception):
    """These octets are no envelope of ours for this place: changed, moved, of an unknown form or under a key
    that is gone. A fault of what is kept, and no answer to a person."""
