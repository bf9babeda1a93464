"""The way to the vault passes octets on, and of what comes back nothing but octets and five codes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import orjson
import pytest

from backend.vault_gateway.errors import (
    UnknownKey,
    UseNonce,
    VaultTooLarge,
    VaultUnauthenticated,
    VaultUnavailable,
)
from backend.vault_gateway.service import LARGEST_ANSWER, LARGEST_REQUEST, VaultGateway
from backend.vault_gateway.types import Credentials, Notes

GOOD = Credentials(("DPoP token",), ("proof",))


def _reply(status: int, octets: bytes) -> httpx.Response:
    """As it comes from a network: in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(octets), 4096):
            yield octets[start : start + 4096]

    return httpx.Response(status, content=pieces())


def _gateway(answer: Callable[[httpx.Request], httpx.Response], seconds: float = 5) -> VaultGateway:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://vault.example")
    return VaultGateway(http, seconds)


def _saying(status: int, value: object) -> VaultGateway:
    return _gateway(lambda _: _reply(status, orjson.dumps(value)))


async def test_octets_and_credentials_go_and_come_as_they_are() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return _reply(200, b"\x01answer\x00")

    assert await _gateway(answer).call(b"\x01\x00request", GOOD) == b"\x01answer\x00"
    (request,) = seen
    assert (request.content, str(request.url)) == (b"\x01\x00request", "https://vault.example/v1/call")
    assert (request.headers["vault-authorization"], request.headers["vault-dpop"]) == ("DPoP token", "proof")
    assert not {"authorization", "dpop", "cookie"} & set(request.headers)


async def test_nonce_is_passed_on() -> None:
    with pytest.raises(UseNonce) as refused:
        await _saying(401, {"code": "vault.use_nonce", "nonce": "AQab_-"}).call(b"x", GOOD)
    assert refused.value.nonce == "AQab_-"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"code": "vault.unknown_key"}, UnknownKey),
        ({"code": "vault.unauthenticated", "message": "lan"}, VaultUnauthenticated),
        ({"code": "vault.too_large"}, VaultTooLarge),
        ({"code": "vault.unavailable", "retryAfterSeconds": 7}, VaultUnavailable),
        ({"code": "vault.use_nonce", "nonce": "a b"}, VaultUnavailable),
        ({"code": "vault.use_nonce"}, VaultUnavailable),
        ({"code": "common.not_found"}, VaultUnavailable),
        ({"code": ["vault.unknown_key"]}, VaultUnavailable),
        ([], VaultUnavailable),
        ("x", VaultUnavailable),
    ],
)
async def test_what_is_said_is_one_of_five_codes(said: object, kind: type[Exception]) -> None:
    with pytest.raises(kind) as refused:
        await _saying(400, said).call(b"x", GOOD)
    assert type(refused.value) is kind


@pytest.mark.parametrize(("seconds", "kept"), [(7, 7), (0, 2), (100_000, 2), ("7", 2), (True, 2), (None, 2)])
async def test_wait_is_bounded(seconds: object, kept: int) -> None:
    with pytest.raises(VaultUnavailable) as refused:
        await _saying(503, {"code": "vault.unavailable", "retryAfterSeconds": seconds}).call(b"x", GOOD)
    assert refused.value.retry_after == kept


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials(("DPoP a",), ()),
        Credentials(("DPoP a", "DPoP b"), ("p",)),
        Credentials(("DPoP a",), ("p", "q")),
        Credentials(("DPoP a\r\nhost: x",), ("p",)),
        Credentials(("DPoP a" * 4_000,), ("p",)),
        Credentials(("DPoP ạ",), ("p",)),
    ],
)
async def test_credentials_that_are_not_one_each_are_not_passed_on(credentials: Credentials) -> None:
    with pytest.raises(VaultUnauthenticated):
        await _gateway(lambda _: pytest.fail("passed on")).call(b"x", credentials)


async def test_too_large_is_not_passed_on() -> None:
    with pytest.raises(VaultTooLarge):
        await _gateway(lambda _: pytest.fail("passed on")).call(b"x" * (LARGEST_REQUEST + 1), GOOD)


async def test_answer_without_end_is_cut_off() -> None:
    with pytest.raises(VaultUnavailable):
        await _gateway(lambda _: _reply(200, b"x" * (LARGEST_ANSWER + 1))).call(b"x", GOOD)


async def test_vault_that_is_away_is_unavailable() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(VaultUnavailable):
        await _gateway(away).call(b"x", GOOD)


async def test_vault_that_does_not_answer_is_waited_for_so_long() -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    http = httpx.AsyncClient(transport=httpx.MockTransport(slow), base_url="https://vault.example")
    with pytest.raises(VaultUnavailable):
        await VaultGateway(http, 0.05).call(b"x", GOOD)


async def test_notes_come_as_they_are() -> None:
    assert await _saying(200, {"certificate": "c", "keyset": "k"}).notes() == Notes("c", "k")


@pytest.mark.parametrize("said", [{}, {"certificate": "c"}, {"certificate": 1, "keyset": "k"}, []])
async def test_other_notes_are_unavailable(said: object) -> None:
    with pytest.raises(VaultUnavailable):
        await _saying(200, said).notes()
