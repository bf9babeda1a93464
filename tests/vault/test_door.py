"""A call from end to end at the vault, on its real database."""

import secrets
from datetime import timedelta

import pytest

from tests.vault.parts import KEY, NOW, Device
from tests.vault.rig import Rig
from vault.call import answer, octets, request
from vault.call.errors import TooLarge, Unauthenticated, Unavailable, UnknownKey, UseNonce
from vault.call.keys import SEED
from vault.call.request_keys import AgedKey


def _last(rig: Rig) -> tuple[str, str, str | None]:
    line = rig.events()[-1]
    return line["unmapped"]["action"], line["unmapped"]["decision"], line.get("status_code")


async def test_hello_is_answered_sealed_and_logged_in_the_vaults_own_log(rig: Rig) -> None:
    said = await rig.hello(rig.device(), "j1")
    (line,) = rig.events()
    assert said == {
        "result": {
            "hello": "session-",
            "at": rig.clock.now().isoformat(),
            "request": line["metadata"]["correlation_uid"],
        }
    }
    assert line["metadata"]["log_name"] == "ioc.hanoi.gov.vn/log/vault/1"
    assert (line["api"]["service"]["name"], line["unmapped"]["action"]) == ("ioc-vault", "vault.hello")
    assert "minh" not in str(line)


async def test_unknown_operation_is_answered_sealed_and_logged_as_refused(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1", {"operation": "open", "parameters": {}})
    sealed = await rig.pass_on(device, call.frame, proof)
    assert answer.unseal(sealed, call.answer_key, call.frame) == {
        "problem": {"code": "vault.unknown_operation"}
    }
    assert _last(rig) == ("vault.call", "deny", "vault.unknown_operation")
    assert rig.proofs() == 1


@pytest.mark.parametrize(
    "value",
    [
        {"operation": "hello"},
        {"operation": "hello", "parameters": [], "more": 1},
        {"operation": "hello", "parameters": {"x": 1}},
        {"operation": 7, "parameters": {}},
        {"operation": ["hello"], "parameters": {}},
    ],
)
async def test_malformed_request_is_answered_sealed(rig: Rig, value: dict) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1", value)
    sealed = await rig.pass_on(device, call.frame, proof)
    assert answer.unseal(sealed, call.answer_key, call.frame) == {
        "problem": {"code": "vault.invalid_request"}
    }
    assert _last(rig)[1:] == ("deny", "vault.invalid_request")


async def test_unknown_token_is_counted_not_logged(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    rig.keycloak.sessions.clear()
    with pytest.raises(Unauthenticated):
        await rig.pass_on(device, call.frame, proof)
    assert (rig.counted, rig.events()) == ({"vault.unauthenticated": 1}, [])


async def test_ended_session_is_refused_logged_and_its_proof_used(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    rig.keycloak.ended.add(device.sid)
    with pytest.raises(Unauthenticated):
        await rig.pass_on(device, call.frame, proof)
    assert _last(rig) == ("vault.call", "deny", "vault.unauthenticated")
    rig.keycloak.ended.clear()
    with pytest.raises(Unauthenticated):
        await rig.pass_on(device, call.frame, proof)
    assert len(rig.events()) == 1


async def test_keycloak_away_is_refused(rig: Rig) -> None:
    device = rig.device()
    rig.keycloak.away = True
    call, proof = rig.sealed(device, "j1")
    with pytest.raises(Unavailable):
        await rig.pass_on(device, call.frame, proof)
    assert _last(rig) == ("vault.call", "deny", "vault.unavailable")


async def test_log_that_can_not_be_written_answers_nothing(rig: Rig) -> None:
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute("REVOKE INSERT (id, line) ON audit.event FROM vault_app")
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    with pytest.raises(Unavailable):
        await rig.pass_on(device, call.frame, proof)
    assert (rig.proofs(), rig.events()) == (0, [])


async def test_missing_nonce_is_asked_for_and_leaves_the_proof_unused(rig: Rig) -> None:
    device = rig.device()
    call, _ = rig.sealed(device, "j1")
    with pytest.raises(UseNonce):
        await rig.pass_on(device, call.frame, device.proof(call.frame, None))
    assert rig.proofs() == 0


async def test_request_to_a_key_of_before_the_restart_asks_for_the_keyset(rig: Rig) -> None:
    device = rig.device()
    frame = request.seal(
        KEY.public, device.binding("j1"), secrets.token_bytes(32), secrets.token_bytes(16), octets.content({})
    )
    with pytest.raises(UnknownKey):
        await rig.pass_on(device, frame, device.proof(frame, rig.nonces.at(rig.clock.now()), jti="j1"))
    assert _last(rig) == ("vault.call", "deny", "vault.unknown_key")


async def test_too_large_is_refused_before_anything_is_read(rig: Rig) -> None:
    with pytest.raises(TooLarge):
        await rig.pass_on(Device(), b"\x01" * (octets.LARGEST_REQUEST + 1), "x.y.z")


def _keys_of_two_days(rig: Rig) -> tuple[bytes, bytes]:
    """Kids of a key of now and of one of a day later."""
    second = AgedKey.of_seed(secrets.token_bytes(SEED), NOW + timedelta(hours=24))
    (first,) = rig.keys.held
    assert not rig.keys.due(NOW + timedelta(hours=23, minutes=59))
    assert rig.keys.due(second.made)
    rig.keys.hold([first, second])
    return first.key.kid, second.key.kid


async def test_old_key_opens_until_an_hour_after_its_end(rig: Rig) -> None:
    first, second = _keys_of_two_days(rig)
    assert rig.keys.live(NOW + timedelta(hours=48, minutes=59)).keys() == {first, second}
    assert rig.keys.live(NOW + timedelta(hours=49)).keys() == {second}


async def test_keysets_rise_and_list_the_newest_first(rig: Rig) -> None:
    before = rig.keys.notes(NOW)[1].splitlines()
    first, second = _keys_of_two_days(rig)
    after = rig.keys.notes(NOW + timedelta(hours=24))[1].splitlines()
    assert int(before[1]) < int(after[1])
    assert [line.split()[0] for line in (before[3], *after[3:5])] == [first.hex(), second.hex(), first.hex()]


async def test_without_a_living_key_nothing_is_answered(rig: Rig) -> None:
    device = rig.device()
    call, proof = rig.sealed(device, "j1")
    with pytest.raises(Unavailable):
        rig.keys.notes(NOW + timedelta(hours=48))
    rig.keys.hold([])
    with pytest.raises(Unavailable):
        await rig.pass_on(device, call.frame, proof)
    assert _last(rig) == ("vault.call", "deny", "vault.unavailable")
