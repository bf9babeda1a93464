"""A stolen backend: its certificate and keys, and every call of a live person's passing through its hands.

It holds requests and answers as octets, tokens and proofs as text, and may send what it likes to either side.
"""

import asyncio
import dataclasses
import secrets
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from tests.vault.parts import Device
from tests.vault.rig import Rig
from vault.call import answer, octets, request
from vault.call.errors import AnswerNotGenuine, Unauthenticated, UnknownKey, VaultRefusal


async def _refused(call: Awaitable[bytes]) -> str:
    with pytest.raises(VaultRefusal) as refusal:
        await call
    return refusal.value.code


async def test_it_reads_neither_request_nor_answer(rig: Rig) -> None:
    device = rig.device()
    mark = "canary-4711"
    call, proof = rig.sealed(device, "j1", {"operation": "hello", "parameters": {"x": mark}})
    sealed = await rig.pass_on(device, call.frame, proof)
    assert answer.unseal(sealed, call.answer_key, call.frame)["problem"]["code"] == "vault.invalid_request"
    seen = call.frame + sealed + proof.encode()
    assert mark.encode() not in seen
    assert b"invalid_request" not in seen
    assert call.answer_key not in seen


async def test_it_swaps_answers_between_requests_of_one_device(rig: Rig) -> None:
    device = rig.device()
    first, first_proof = rig.sealed(device, "j1")
    second, second_proof = rig.sealed(device, "j2")
    answers = [await rig.pass_on(device, first.frame, first_proof)]
    answers.append(await rig.pass_on(device, second.frame, second_proof))
    with pytest.raises(AnswerNotGenuine):
        answer.unseal(answers[1], first.answer_key, first.frame)
    with pytest.raises(AnswerNotGenuine):
        answer.unseal(answers[0], second.answer_key, second.frame)


async def test_it_swaps_answers_between_people(rig: Rig) -> None:
    minh, thao = rig.device("minh"), rig.device("thao")
    hers, her_proof = rig.sealed(thao, "j1")
    his, his_proof = rig.sealed(minh, "j1")
    await rig.pass_on(minh, his.frame, his_proof)
    sealed = await rig.pass_on(thao, hers.frame, her_proof)
    with pytest.raises(AnswerNotGenuine):
        answer.unseal(sealed, his.answer_key, his.frame)


async def test_it_forges_an_answer(rig: Rig) -> None:
    call, _ = rig.sealed(rig.device(), "j1")
    made = answer.seal(secrets.token_bytes(32), b"d" * 32, b"r" * 32, octets.content({"result": {}}))
    with pytest.raises(AnswerNotGenuine):
        answer.unseal(made, call.answer_key, call.frame)


async def test_it_replays_a_call(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    await rig.pass_on(device, call.frame, proof)
    assert await _refused(rig.pass_on(device, call.frame, proof)) == Unauthenticated.code
    assert (len(rig.events()), rig.counted) == (1, {Unauthenticated.code: 1})


async def test_it_sends_one_call_many_times_at_once(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    found = await asyncio.gather(
        *(rig.pass_on(device, call.frame, proof) for _ in range(8)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["Unauthenticated"] * 7 + ["bytes"]
    assert len(rig.events()) == 1


async def test_it_holds_a_call_back_for_over_a_minute(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    rig.clock.at += timedelta(seconds=61)
    assert await _refused(rig.pass_on(device, call.frame, proof)) == Unauthenticated.code
    assert rig.events() == []


async def test_it_changes_the_request(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    changed = bytearray(call.frame)
    changed[-1] ^= 1
    assert await _refused(rig.pass_on(device, bytes(changed), proof)) == Unauthenticated.code


async def test_it_seals_a_request_of_its_own_under_a_passing_proof(rig: Rig) -> None:
    device = rig.device()
    _, proof = rig.sealed(device, "j1")
    forged, _ = rig.sealed(device, "j1", {"operation": "hello", "parameters": {}})
    assert await _refused(rig.pass_on(device, forged.frame, proof)) == Unauthenticated.code


async def test_it_signs_with_a_key_of_its_own(rig: Rig) -> None:
    device, own = rig.device(), Device()
    call, _ = rig.sealed(device, "j1")
    now = rig.clock.now()
    proof = dataclasses.replace(device, key=own.key).proof(call.frame, rig.nonces.at(now), jti="j1")
    assert await _refused(rig.pass_on(device, call.frame, proof)) == Unauthenticated.code


async def test_it_downgrades_version_or_suite(rig: Rig) -> None:
    device = rig.device()
    call, _ = rig.sealed(device, "j1")
    for place, octet in ((0, 0), (0, 2), (1, 0), (6, 1)):
        changed = bytearray(call.frame)
        changed[place] = octet
        jti = f"down-{place}-{octet}"
        # Even with the device's help, who signs whatever it is given.
        proof = device.proof(bytes(changed), rig.nonces.at(rig.clock.now()), jti=jti)
        assert await _refused(rig.pass_on(device, bytes(changed), proof)) == UnknownKey.code


async def test_colleague_re_submits_anothers_request_as_his_own(rig: Rig) -> None:
    """He is signed in, has a device, signs the octets himself; the backend gave him what passed by."""
    minh, thao = rig.device("minh"), rig.device("thao")
    hers, _ = rig.sealed(thao, "j1")
    proof = minh.proof(hers.frame, rig.nonces.at(rig.clock.now()), jti="j1")
    assert await _refused(rig.pass_on(minh, hers.frame, proof)) == UnknownKey.code
    assert rig.events()[-1]["status_code"] == UnknownKey.code


async def test_another_device_of_the_same_person_re_submits(rig: Rig) -> None:
    device = rig.device()
    other = Device(sub=device.sub, sid=device.sid, token="token.of.the.other.device")
    rig.keycloak.sign_in(other)
    call, _ = rig.sealed(device, "j1")
    proof = other.proof(call.frame, rig.nonces.at(rig.clock.now()), jti="j1")
    assert await _refused(rig.pass_on(other, call.frame, proof)) == UnknownKey.code


async def test_same_device_is_made_to_send_an_old_request_anew(rig: Rig) -> None:
    """A proof with another jti over the same octets, as a confused app would make it, opens nothing."""
    device = rig.device()
    call, _ = rig.sealed(device, "j1")
    proof = device.proof(call.frame, rig.nonces.at(rig.clock.now()), jti="j2")
    assert await _refused(rig.pass_on(device, call.frame, proof)) == UnknownKey.code


async def test_it_keeps_a_request_for_the_next_token_of_the_session(rig: Rig) -> None:
    device = rig.device()
    call, _ = rig.sealed(device, "j1")
    device.token = "token.of.minh.refreshed"
    rig.keycloak.sign_in(device)
    proof = device.proof(call.frame, rig.nonces.at(rig.clock.now()), jti="j1")
    assert await _refused(rig.pass_on(device, call.frame, proof)) == UnknownKey.code


async def test_it_guesses_nonces(rig: Rig) -> None:
    device = rig.device()
    call, _ = rig.sealed(device, "j1")
    for nonce in (rig.nonces.at(rig.clock.now() - timedelta(minutes=5)), "AQ" + "A" * 21):
        proof = device.proof(call.frame, nonce, jti="j1")
        assert await _refused(rig.pass_on(device, call.frame, proof)) == "vault.use_nonce"


async def test_refusal_says_the_same_for_whatever_does_not_open(rig: Rig) -> None:
    device = rig.device()
    call, _ = rig.sealed(device, "j1")
    codes = set()
    for number, place in enumerate((0, 3, 8, 20, 1_130, 1_140, len(call.frame) - 1)):
        changed = bytearray(call.frame)
        changed[place] ^= 1
        jti = f"n{number}"
        proof = device.proof(bytes(changed), rig.nonces.at(rig.clock.now()), jti=jti)
        codes.add(await _refused(rig.pass_on(device, bytes(changed), proof)))
    assert codes == {UnknownKey.code}


async def test_request_key_of_its_own_is_none_of_the_vaults(rig: Rig) -> None:
    device = rig.device()
    own = request.RequestKey.of_seed(b"b" * 32)
    frame = request.seal(
        own.public, device.binding("j1"), secrets.token_bytes(32), secrets.token_bytes(16), octets.content({})
    )
    proof = device.proof(frame, rig.nonces.at(rig.clock.now()), jti="j1")
    assert await _refused(rig.pass_on(device, frame, proof)) == UnknownKey.code
