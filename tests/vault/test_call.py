"""Requests and answers of the vault's call: what was not made so, by this one, for this one, stays shut."""

import dataclasses
import hashlib
import secrets

import pytest

from tests.vault.parts import HELLO, KEY, KEYS, Device
from vault.call import answer, octets, request
from vault.call.errors import AnswerNotGenuine, TooLarge, UnknownKey
from vault.call.keys import ENCAPSULATED, HPKE, SUITE, RequestKey, public_key
from vault.call.octets import Malformed, padded_length

RESULT = octets.content({"result": {"n": 1}})


def _flipped(octets_: bytes, place: int, bit: int = 1) -> bytes:
    changed = bytearray(octets_)
    changed[place] ^= bit
    return bytes(changed)


def test_request_opens_with_what_was_sealed() -> None:
    call = Device().seal()
    opened = request.unseal(call.frame, call.binding, KEYS)
    assert (opened.answer_key, opened.json) == (call.answer_key, HELLO)
    assert opened.digest == hashlib.sha256(call.frame).digest()


def test_request_with_any_octet_changed_does_not_open() -> None:
    call = Device().seal()
    opened = []
    for place in range(len(call.frame)):
        try:
            request.unseal(_flipped(call.frame, place), call.binding, KEYS)
        except UnknownKey:
            continue
        opened.append(place)
    assert opened == []


@pytest.mark.parametrize("name", ["iss", "sub", "sid", "jkt", "ath", "jti"])
def test_request_bound_to_something_else_does_not_open(name: str) -> None:
    call = Device().seal()
    other = dataclasses.replace(call.binding, **{name: getattr(call.binding, name) + "x"})
    with pytest.raises(UnknownKey):
        request.unseal(call.frame, other, KEYS)


def test_members_of_info_do_not_run_into_each_other() -> None:
    binding = Device().binding()
    moved = dataclasses.replace(binding, sub=binding.sub[:-1], sid=binding.sub[-1] + binding.sid)
    assert binding.info(KEY.kid) != moved.info(KEY.kid)


def test_request_of_another_version_or_suite_is_refused_though_sealed_well() -> None:
    binding = Device().binding()
    plain = octets.inside(secrets.token_bytes(48), HELLO, 1 + 6 + 8 + ENCAPSULATED + 16)
    sealed = HPKE.encrypt(plain, public_key(KEY.public), binding.info(KEY.kid))
    request.unseal(b"\x01" + SUITE + KEY.kid + sealed, binding, KEYS)
    for head in (b"\x00" + SUITE, b"\x02" + SUITE, b"\x01" + bytes.fromhex("001000010002")):
        with pytest.raises(UnknownKey):
            request.unseal(head + KEY.kid + sealed, binding, KEYS)


def test_request_to_a_key_that_is_gone_is_refused() -> None:
    call = Device().seal()
    other = RequestKey.of_seed(b"o" * 32)
    with pytest.raises(UnknownKey):
        request.unseal(call.frame, call.binding, {other.kid: other})
    with pytest.raises(UnknownKey):  # another key under the id of the first
        request.unseal(call.frame, call.binding, {KEY.kid: other})


@pytest.mark.parametrize("length", [0, 1, 14, 15, 1135, 1150, 1203, 4095])
def test_cut_request_is_refused(length: int) -> None:
    call = Device().seal()
    with pytest.raises(UnknownKey):
        request.unseal(call.frame[:length], call.binding, KEYS)


def test_unpadded_request_is_refused_though_sealed_well() -> None:
    binding = Device().binding()
    plain = secrets.token_bytes(48) + len(HELLO).to_bytes(4, "big") + HELLO
    sealed = HPKE.encrypt(plain, public_key(KEY.public), binding.info(KEY.kid))
    with pytest.raises(UnknownKey):
        request.unseal(b"\x01" + SUITE + KEY.kid + sealed, binding, KEYS)


def test_padding_that_carries_something_is_refused_though_sealed_well() -> None:
    binding = Device().binding()
    plain = bytearray(octets.inside(secrets.token_bytes(48), HELLO, 1 + 6 + 8 + ENCAPSULATED + 16))
    plain[-1] = 1
    sealed = HPKE.encrypt(bytes(plain), public_key(KEY.public), binding.info(KEY.kid))
    with pytest.raises(UnknownKey):
        request.unseal(b"\x01" + SUITE + KEY.kid + sealed, binding, KEYS)


def test_request_beyond_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge):
        request.unseal(b"\x01" * (octets.LARGEST_REQUEST + 1), Device().binding(), KEYS)


@pytest.mark.parametrize("json", [b'{"a":1,"a":2}', b"[1]", b"NaN", b"\xff", b'{"a":Infinity}', b"[" * 9000])
def test_inside_that_is_not_one_json_object_is_refused(json: bytes) -> None:
    call = Device().seal(json=json)
    opened = request.unseal(call.frame, call.binding, KEYS)
    with pytest.raises(Malformed):
        opened.value()


def test_answer_opens_for_its_request_alone() -> None:
    device = Device()
    call, other = device.seal(), device.seal()
    opened = request.unseal(call.frame, call.binding, KEYS)
    sealed = answer.seal(opened.answer_key, opened.digest, secrets.token_bytes(32), RESULT)
    assert answer.unseal(sealed, call.answer_key, call.frame) == {"result": {"n": 1}}
    with pytest.raises(AnswerNotGenuine):  # swapped with another request's of the same device
        answer.unseal(sealed, other.answer_key, other.frame)
    with pytest.raises(AnswerNotGenuine):  # the same answer key under two requests still is two answers
        answer.unseal(sealed, call.answer_key, other.frame)


def test_answer_with_any_octet_changed_does_not_open() -> None:
    call = Device().seal()
    sealed = answer.seal(call.answer_key, hashlib.sha256(call.frame).digest(), b"r" * 32, RESULT)
    opened = []
    for place in range(len(sealed)):
        try:
            answer.unseal(_flipped(sealed, place), call.answer_key, call.frame)
        except AnswerNotGenuine:
            continue
        opened.append(place)
    assert opened == []


@pytest.mark.parametrize(
    "made", [b"", b"\x01", b"\x01" + b"r" * 48, b"\x01" + b"r" * 4095, b"\x01" * 300_000]
)
def test_forged_answer_does_not_open(made: bytes) -> None:
    call = Device().seal()
    with pytest.raises(AnswerNotGenuine):
        answer.unseal(made, call.answer_key, call.frame)


def test_two_answers_to_one_request_share_nothing() -> None:
    call = Device().seal()
    digest = hashlib.sha256(call.frame).digest()
    first = answer.seal(call.answer_key, digest, b"1" * 32, RESULT)
    second = answer.seal(call.answer_key, digest, b"2" * 32, RESULT)
    assert first[33:65] != second[33:65]


@pytest.mark.parametrize(
    ("length", "padded"),
    [(1, 4096), (4096, 4096), (4097, 16_384), (65_537, 262_144), (262_144, 262_144), (262_145, 270_336)],
)
def test_frames_are_padded(length: int, padded: int) -> None:
    assert padded_length(length) == padded


@pytest.mark.parametrize("length", [262_145, 300_001, 1_000_000, 2**24 + 1, 2**30 - 1])
def test_padme_adds_at_most_an_eighth_and_is_its_own_padding(length: int) -> None:
    padded = padded_length(length)
    assert length <= padded <= length * 9 // 8
    assert padded_length(padded) == padded


def test_length_of_a_request_tells_nothing_of_what_is_asked() -> None:
    device = Device()
    long = octets.content({"operation": "hello", "parameters": {"x": "y" * 2_000}})
    assert len(device.seal().frame) == len(device.seal(json=long).frame) == 4096


def test_text_that_is_not_ascii_is_bound_to_nothing() -> None:
    with pytest.raises(Malformed):
        dataclasses.replace(Device().binding(), sub="Hà").info(KEY.kid)
