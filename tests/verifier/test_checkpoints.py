"""Checkpoints and cosignatures byte for byte; what is changed, swapped or shown for another is refused."""

import pytest

from tests.verifier.parts import COSIGNER, LOG_KEY, NAME, ORIGIN, WITNESS_KEY, Log, key_of, public_of
from verifier import notes
from verifier.checkpoints import (
    Checkpoint,
    Cosigner,
    cosign,
    open_checkpoint,
    read,
    verify_cosignature,
)
from verifier.notes import NoteRefused, Verifier, unb64

# The example of C2SP tlog-cosignature: a checkpoint with a line of its log and one of a witness.
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""
LOG = Log.of(9)
NOTE = LOG.note(9)
COSIGNED = NOTE + cosign(LOG.checkpoint(9).text, NAME, WITNESS_KEY, 1_800_000_000)


def test_text_of_the_specification_is_read_and_written() -> None:
    checkpoint = read(EXAMPLE)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text == EXAMPLE


def test_checkpoint_is_that_of_the_log() -> None:
    assert open_checkpoint(COSIGNED, ORIGIN, public_of(LOG_KEY)) == LOG.checkpoint(9)


def test_cosignature_tells_its_time() -> None:
    assert verify_cosignature(COSIGNED, COSIGNER) == 1_800_000_000


def test_key_ids_tell_notes_from_cosignatures() -> None:
    public = public_of(WITNESS_KEY)
    assert Verifier(NAME, public).key_id != Cosigner(NAME, public).key_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        EXAMPLE + "an extension\n",
        EXAMPLE.removesuffix("\n"),
        EXAMPLE.replace("20852163", "020852163"),
        EXAMPLE.replace("20852163", "-1"),
        EXAMPLE.replace("20852163", "9223372036854775808"),
        EXAMPLE.replace("20852163", "２"),
        EXAMPLE.replace("q2I=", "q2J="),
        EXAMPLE.replace("CsUY", ""),
        EXAMPLE.replace("example.com/behind-the-sofa", ""),
        EXAMPLE.replace("\n", "\r\n"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        read(text)


def test_each_changed_octet_of_a_signed_checkpoint_is_noticed() -> None:
    octets = COSIGNED.encode()
    for at in range(len(octets)):
        changed = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        with pytest.raises((NoteRefused, UnicodeDecodeError)):
            both(changed.decode())


def both(note: str) -> None:
    """Log and witness signed this."""
    open_checkpoint(note, ORIGIN, public_of(LOG_KEY))
    verify_cosignature(note, COSIGNER)


def test_cosignature_of_another_checkpoint_is_refused() -> None:
    replayed = cosign(LOG.checkpoint(5).text, NAME, WITNESS_KEY, 1_800_000_000)
    with pytest.raises(NoteRefused):
        verify_cosignature(NOTE + replayed, COSIGNER)


def test_cosignature_under_another_time_is_refused() -> None:
    line = cosign(LOG.checkpoint(9).text, NAME, WITNESS_KEY, 1_800_000_000)
    octets = unb64(line.split(" ")[2].strip())
    later = notes.line_of(NAME, octets[:4], (1_900_000_000).to_bytes(8, "big") + octets[12:])
    with pytest.raises(NoteRefused):
        verify_cosignature(NOTE + later, COSIGNER)


def test_cosignature_of_another_witness_is_none() -> None:
    line = cosign(LOG.checkpoint(9).text, "witness.example/w2", WITNESS_KEY, 1_800_000_000)
    with pytest.raises(NoteRefused):
        verify_cosignature(NOTE + line, COSIGNER)
    with pytest.raises(NoteRefused):
        verify_cosignature(COSIGNED, Cosigner(NAME, public_of(key_of("another"))))


def test_log_signs_no_cosignature_and_a_witness_no_checkpoint() -> None:
    # One key for both: what is signed differs, so one can't be shown for the other.
    note = notes.sign(LOG.checkpoint(9).text, NAME, [WITNESS_KEY])
    with pytest.raises(NoteRefused):
        verify_cosignature(note, COSIGNER)


def test_checkpoint_of_another_log_is_refused() -> None:
    other = Log.of(9, origin="ioc.hanoi.gov.vn/log/vault/2")
    note = notes.sign(other.checkpoint(9).text, ORIGIN, [LOG_KEY])
    with pytest.raises(NoteRefused):
        open_checkpoint(note, ORIGIN, public_of(LOG_KEY))


def test_checkpoint_is_three_lines() -> None:
    assert Checkpoint("o", 0, bytes(32)).text == "o\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
