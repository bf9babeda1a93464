"""The real OpenBao: what the api may, what survives a restart and a restore, what a fault costs."""

import asyncio
import shutil
import ssl
import tempfile
from pathlib import Path

import httpx
import msgspec
import pytest

from foundation.sealing import bao as baos
from foundation.sealing import transit as transits
from foundation.sealing.bao import NotOpened, SealingUnavailable
from foundation.sealing.envelope import Envelope, Envelopes
from foundation.sealing.transit import Transit
from stack.openbao import backend_openbao, contact_settings
from tests.openbaos import RunningBao, bao_in

TEXT = "Nguyễn Thị Lan".encode()


def envelopes(transit: Transit, purpose: str = "contact") -> Envelopes:
    """Envelopes with keys and nonces that are no secret."""
    return Envelopes(transit, purpose, lambda size: b"\x07" * size)


def client_of(openbao: RunningBao, *, shows: bool = True) -> httpx.Client:
    """A client with the api's certificate, or with none."""
    settings = contact_settings(openbao.bao)
    context = ssl.create_default_context(cafile=str(settings.ca_file))
    if shows:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    return httpx.Client(base_url=settings.url, verify=context, trust_env=False, timeout=60)


def token_of(client: httpx.Client, role: str = "api") -> httpx.Response:
    """Ask to be let in."""
    return client.post("/v1/auth/cert/login", json={"name": role})


async def test_batch_longer_than_a_call_comes_back_in_order(openbao: RunningBao) -> None:
    transit = Transit.of(contact_settings(openbao.bao))
    items = [(f"{number}".encode(), b"one") for number in range(transits.BATCH + 5)]
    sealed = await transit.encrypt(items)
    opened = await transit.decrypt([(one, b"one") for one in sealed])
    await transit.close()
    assert opened == [octets for octets, _ in items]


async def test_every_changed_part_of_an_envelope_is_refused(openbao: RunningBao) -> None:
    transit = Transit.of(contact_settings(openbao.bao))
    kept = await envelopes(transit).seal(TEXT, "A")
    assert await envelopes(transit).open(kept, "A") == TEXT
    with pytest.raises(NotOpened):
        await envelopes(transit).open(kept, "B")
    with pytest.raises(NotOpened):
        await envelopes(transit, "other").open(kept, "A")
    with pytest.raises(NotOpened):
        await envelopes(transit).open(Envelope(kept.wrapped[:-3] + "AA=", kept.body), "A")
    for place in range(len(kept.body)):
        broken = bytearray(kept.body)
        broken[place] ^= 1
        with pytest.raises(NotOpened):
            await envelopes(transit).open(Envelope(kept.wrapped, bytes(broken)), "A")
    await transit.close()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "transit/keys/contact", None),
        ("POST", "transit/keys/contact/rotate", {}),
        ("POST", "transit/keys/contact/config", {"deletion_allowed": True}),
        ("DELETE", "transit/keys/contact", None),
        ("GET", "transit/export/encryption-key/contact", None),
        ("POST", "transit/datakey/plaintext/contact", {"context": "YQ=="}),
        ("POST", "transit/encrypt/another", {"plaintext": "YQ==", "context": "YQ=="}),
        ("POST", "transit/keys/another", {}),
        ("GET", "sys/storage/raft/snapshot", None),
        ("GET", "sys/policies/acl/api", None),
        ("POST", "auth/cert/certs/mine", {}),
        ("POST", "auth/token/create", {}),
    ],
)
def test_api_may_do_nothing_but_seal_and_open(
    openbao: RunningBao, method: str, path: str, body: dict[str, object] | None
) -> None:
    with client_of(openbao) as client:
        token = token_of(client).json()["auth"]["client_token"]
        answer = client.request(method, f"/v1/{path}", json=body, headers={"X-Vault-Token": token})
    assert answer.status_code == 403, answer.text


def test_administrator_opens_nothing(openbao: RunningBao) -> None:
    pair = openbao.bao.certificates.openbao_administrator
    settings = contact_settings(openbao.bao)
    context = ssl.create_default_context(cafile=str(settings.ca_file))
    context.load_cert_chain(pair.certificate, pair.key)
    with httpx.Client(base_url=settings.url, verify=context, trust_env=False, timeout=60) as client:
        token = token_of(client, "administrator").json()["auth"]["client_token"]
        body = {"ciphertext": "vault:v1:AAAA", "context": "YQ=="}
        headers = {"X-Vault-Token": token}
        answer = client.post("/v1/transit/decrypt/contact", json=body, headers=headers)
    assert answer.status_code == 403, answer.text


def test_api_is_not_let_in_as_administrator(openbao: RunningBao) -> None:
    with client_of(openbao) as client:
        assert token_of(client, "administrator").status_code == 400


def test_caller_without_certificate_does_not_get_as_far_as_a_request(openbao: RunningBao) -> None:
    with client_of(openbao, shows=False) as client, pytest.raises(httpx.TransportError):
        token_of(client)


def test_root_token_is_gone_and_secrets_stay_out_of_the_audit_file(openbao: RunningBao) -> None:
    home = openbao.bao.home
    assert not home.secret("openbao-root").exists()
    written = (home.folder / "openbao" / "audit.log").read_text(encoding="utf-8")
    assert "transit/encrypt/contact" in written
    assert "openbao-recovery" not in written
    assert home.secret("openbao-recovery").read_text(encoding="ascii") not in written


async def test_revoked_token_is_replaced_without_anybody_noticing(openbao: RunningBao) -> None:
    transit = Transit.of(contact_settings(openbao.bao))
    (sealed,) = await transit.encrypt([(b"a", b"one")])
    session = transit.bao.session
    assert session is not None
    await session.http.post("/v1/auth/token/revoke-self", headers={"X-Vault-Token": session.token})
    session.token = "s.no-token-of-anybody"
    assert await transit.decrypt([(sealed, b"one")]) == [b"a"]
    await transit.close()


async def test_token_is_renewed_when_half_of_its_time_is_over(openbao: RunningBao) -> None:
    now = [0.0]
    transit = Transit.of(contact_settings(openbao.bao), lambda: now[0])
    (sealed,) = await transit.encrypt([(b"a", b"one")])
    first = transit.bao.session
    assert first is not None
    now[0] = 1_801.0
    assert await transit.decrypt([(sealed, b"one")]) == [b"a"]
    assert transit.bao.session is first
    assert first.renew_at == pytest.approx(3_601.0, abs=5)
    await transit.close()


async def test_circuit_opens_after_three_faults_and_closes_again(openbao: RunningBao) -> None:
    now, calls = [0.0], []
    settings = msgspec.structs.replace(contact_settings(openbao.bao), url="https://localhost:1")
    transit = Transit.of(settings, lambda: now[0])
    enter = transit.bao._log_in

    async def counted() -> object:
        calls.append(1)
        return await enter()

    transit.bao._log_in = counted  # type: ignore[method-assign,assignment]  # counts what goes out
    for _ in range(10):
        with pytest.raises(SealingUnavailable):
            await transit.encrypt([(b"a", b"one")])
    assert len(calls) == baos.FAILURES
    now[0] = baos.OPEN_SECONDS + 1
    transit.bao.settings = contact_settings(openbao.bao)
    assert len(await transit.encrypt([(b"a", b"one")])) == 1
    await asyncio.gather(*(transit.encrypt([(b"a", b"one")]) for _ in range(5)))
    await transit.close()


async def test_snapshot_and_seal_open_contacts_on_another_machine(openbao: RunningBao) -> None:
    transit = Transit.of(contact_settings(openbao.bao))
    kept = await envelopes(transit).seal(TEXT, "A")
    await transit.close()
    openbao.bao.take_snapshot()
    with tempfile.TemporaryDirectory(prefix="ioc-bao-") as folder:
        for name in ("secrets", "tls", "openbao-snapshot"):
            shutil.copytree(openbao.bao.home.folder / name, Path(folder) / name)
        other = bao_in(Path(folder), backend_openbao)
        try:
            other.start()
            transit = Transit.of(contact_settings(other.bao))
            found = await envelopes(transit).open(kept, "A")
            await transit.close()
        finally:
            other.supervisor.stop()
    assert found == TEXT
