"""The octets under an epoch key: each that is changed, moved, cut or drawn out is refused."""

import os
from uuid import UUID

import pytest

from vault.keyring import envelopes
from vault.keyring.cache import SECONDS, EpochKeys
from vault.keyring.envelopes import Epoch
from vault.keyring.errors import EnvelopeRefused
from vault.keyring.memory import wipe, wiped
from vault.keyring.types import Class

RECORD = UUID("01890000-0000-7000-8000-000000000001")
EPOCH = Epoch("00070", Class.PARTY, 3)
KEY = bytearray(range(32))
DATA_KEY = bytearray(b"d" * 32)


def sealed() -> bytes:
    return envelopes.seal(KEY, EPOCH, os.urandom(12), DATA_KEY, envelopes.of_data_key(EPOCH, RECORD))


def opened(envelope: bytes, epoch: Epoch = EPOCH, record: UUID = RECORD) -> bytearray:
    number = envelopes.number_of(envelope)
    named = Epoch(epoch.tenant, epoch.class_, number)
    return envelopes.unseal(KEY, envelope, envelopes.of_data_key(named, record))


def test_data_key_is_as_the_formats_say() -> None:
    envelope = sealed()
    assert len(envelope) == envelopes.DATA_KEY == 65
    assert envelope[:5] == b"\x01\x00\x00\x00\x03"
    assert envelopes.of_data_key(EPOCH, RECORD) == (
        b"\x00\x14ioc-vault/datakey/v1\x00\x0500070\x03\x00\x00\x00\x03" + RECORD.bytes
    )
    assert opened(envelope) == DATA_KEY


def test_every_changed_bit_is_refused() -> None:
    envelope, taken = sealed(), []
    for place in range(len(envelope)):
        for bit in range(8):
            changed = bytearray(envelope)
            changed[place] ^= 1 << bit
            try:
                opened(bytes(changed))
            except EnvelopeRefused:
                continue
            taken.append((place, bit))
    assert taken == []


@pytest.mark.parametrize("length", [0, 1, 5, 16, 32, 64, 66])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(EnvelopeRefused):
        opened(sealed().ljust(length, b"\0")[:length])


@pytest.mark.parametrize(
    ("epoch", "record"),
    [
        (Epoch("00071", Class.PARTY, 3), RECORD),
        (Epoch("00070", Class.PERSONAL, 3), RECORD),
        (EPOCH, UUID("01890000-0000-7000-8000-000000000002")),
    ],
)
def test_key_of_another_place_is_refused(epoch: Epoch, record: UUID) -> None:
    with pytest.raises(EnvelopeRefused):
        opened(sealed(), epoch, record)


def test_data_key_is_no_small_thing_and_the_other_way_round() -> None:
    small = envelopes.seal(
        KEY, EPOCH, os.urandom(12), DATA_KEY, envelopes.of_small_thing(EPOCH, RECORD.bytes)
    )
    with pytest.raises(EnvelopeRefused):
        opened(small)
    with pytest.raises(EnvelopeRefused):
        envelopes.unseal(KEY, sealed(), envelopes.of_small_thing(EPOCH, RECORD.bytes))


def test_contexts_of_any_two_epochs_differ() -> None:
    epochs = [
        Epoch(tenant, class_, number)
        for tenant in ("00070", "00071")
        for class_ in Class
        for number in (1, 2, 256)
    ]
    assert len({epoch.context for epoch in epochs}) == len(epochs)


def test_wiped_buffer_holds_zeros_also_after_a_fault() -> None:
    buffer = bytearray(b"secret")
    with pytest.raises(RuntimeError), wiped(buffer):
        raise RuntimeError
    assert buffer == bytearray(6)
    wipe(bytearray())


def test_each_class_is_held_for_its_time_and_restricted_never() -> None:
    now = [0.0]
    cache = EpochKeys(lambda: now[0])
    held = {class_: Epoch("00070", class_, 1) for class_ in Class}
    kept = {class_: cache.keep(epoch, bytearray(b"k" * 32)) for class_, epoch in held.items()}
    assert kept == {Class.INTERNAL: True, Class.PERSONAL: True, Class.PARTY: True, Class.RESTRICTED: False}
    assert SECONDS == {Class.INTERNAL: 3_600, Class.PERSONAL: 600, Class.PARTY: 300}
    for seconds, left in (
        (299.9, [Class.INTERNAL, Class.PERSONAL, Class.PARTY]),
        (300.0, [Class.INTERNAL, Class.PERSONAL]),
        (600.0, [Class.INTERNAL]),
        (3_600.0, []),
    ):
        now[0] = seconds
        assert [class_ for class_ in Class if cache.find(held[class_]) is not None] == left


def test_cache_is_bounded_and_what_leaves_is_wiped() -> None:
    cache = EpochKeys(lambda: 0.0, most=2)
    keys = [bytearray(b"k" * 32) for _ in range(3)]
    for number, key in enumerate(keys, 1):
        cache.keep(Epoch("00070", Class.PARTY, number), key)
    assert [any(key) for key in keys] == [False, True, True]
    cache.forget()
    assert [any(key) for key in keys] == [False, False, False]
    assert cache.find(Epoch("00070", Class.PARTY, 3)) is None
