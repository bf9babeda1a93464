"""Secrets as they look in life: whoever logs them, however deep, they do not stand in the line."""

import base64
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from foundation.telemetry.redaction import (
    LONGEST_READ,
    LONGEST_TEXT,
    MOST_ITEMS,
    REDACTED,
    redacted,
    redacted_text,
)
from tests.identity import world

TOKEN = world.sign(world.citizen_claims(), world.OTHER_REALM_KEY, kid="c")
PROOF = world.proof(TOKEN, world.DEVICE)
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
TOTP = pyotp.random_base32()
PASSWORD = secrets.token_urlsafe(24)
BASIC = base64.b64encode(b"ioc-backend:s3cr3t-of-the-client").decode()

SECRETS = {
    "access token": (f"token {TOKEN} refused", TOKEN),
    "proof": (f"DPoP: {PROOF}", PROOF),
    "authorization header": (f"Authorization: DPoP {TOKEN}\r\nHost: x", TOKEN),
    "bearer": (f"got Bearer {secrets.token_urlsafe(32)}A1", "Bearer "),
    "basic": (f"Basic {BASIC}", BASIC),
    "cookie": ("Cookie: KEYCLOAK_SESSION=ihanoi/6f0a3a52; AUTH_SESSION_ID=abc.def", "AUTH_SESSION_ID"),
    "set-cookie": ("set-cookie: KC_RESTART=eyJhbG; HttpOnly", "KC_RESTART"),
    "private key": (f"read\n{PEM}", PEM.splitlines()[1]),
    "private key cut off": (f"read\n{PEM[:120]}", PEM.splitlines()[1][:40]),
    "secret of a second factor": (f"enrolled {TOTP}", TOTP),
    "the same in groups": (" ".join(TOTP[i : i + 4] for i in range(0, 32, 4)), TOTP[:4] + " " + TOTP[4:8]),
    "otpauth": (f"otpauth://totp/IOC:minh?secret={TOTP}&issuer=IOC", TOTP),
    "password in a form": (f"username=minh&password={PASSWORD}&otp=123456", PASSWORD),
    "one-time code in a form": (f"username=minh&password={PASSWORD}&otp=123456", "123456"),
    "password in JSON": (f'{{"password": "{PASSWORD}"}}', PASSWORD),
    "password in escaped JSON": (f'"{{\\"password\\": \\"{PASSWORD}\\"}}"', PASSWORD),
    "client secret in Python": (f"{{'client_secret': '{PASSWORD}'}}", PASSWORD),
    "refresh token in a form": (f"grant_type=refresh_token&refresh_token={PASSWORD}", PASSWORD),
    "code of a redirect": (f"GET /app/callback?state=x&code={PASSWORD}", PASSWORD),
    "signed link": (f"GET /media/abc?until=1790000000&signature={PASSWORD}", PASSWORD),
    "database's address": (f"postgresql+asyncpg://backend_app:{PASSWORD}@db/backend", PASSWORD),
    "phone": ("gọi 0912345678 gấp", "0912345678"),
    "phone with spaces": ("gọi 0912 345 678 gấp", "0912 345 678"),
    "phone of the world": ("to +84912345678.", "912345678"),
    "phone of an office": ("(024) 3825 3536", "3825 3536"),
    "e-mail": ("to tran.van.minh@hanoi.gov.vn", "tran.van.minh"),
    "e-mail in an address": ("/x?e=minh%40hanoi.gov.vn", "minh%40"),
    "identity card": ("CCCD 001099012345", "001099012345"),
    "row that PostgreSQL tells": (
        "duplicate key\nDETAIL: Key (phone)=(so cua Lan) already exists.",
        "so cua Lan",
    ),
    "row that was refused": ("DETAIL: Failing row contains (1, Ổ gà trước nhà chị Lan).", "chị Lan"),
    "parameters of a statement": ("[SQL: INSERT …]\n[parameters: ('Ổ gà', 'Lan')]", "Lan"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("wrap", [str, lambda text: f"before {text}", lambda text: f"{text} behind"])
def test_a_secret_is_cut_out_of_a_text(text: str, secret: str, wrap: Any) -> None:
    found = redacted_text(wrap(text))
    assert secret not in found
    assert REDACTED in found


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_cut_out_however_deep_it_lies(text: str, secret: str) -> None:
    for value in (
        {"a": [{"b": (text,)}]},
        {text: 1},
        text.encode(),
        ValueError(text),
        [("x-header", text)],
        [(b"x-header", text.encode())],
        {"a": Path(f"/x/{text}")},
    ):
        assert secret not in str(redacted(value))


NAMES = [
    "password",
    "Authorization",
    "dpop",
    "client_secret",
    "refresh_token",
    "api-key",
    "privateKey",
    "otp",
    "pin",
    "phone",
    "email",
    "cccd",
    "userName",
    "full_name",
    "session_state",
    "code_verifier",
]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_stands_under_a_name_of_a_secret_is_cut_out(name: str) -> None:
    for value in ("x", 123456, ["a", "b"], {"deeper": "x"}):
        assert redacted({name: value}) == {name: REDACTED}
    assert redacted([(name, "anything")]) == [[name, REDACTED]]


KEPT = [
    "0192f0c1-2b3a-7c4d-8e5f-6a7b8c9d0e1f",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "SK31AF98PMH9KG5R",
    "2026-11-27T03:00:00Z",
    "report.not_found in reports.report after 250 ms",
    "00070",
    "identity.step_up_required",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_operators_need_stays_readable(text: str) -> None:
    assert redacted_text(f"seen {text} today") == f"seen {text} today"


def test_numbers_moments_and_ids_stay_what_they_are() -> None:
    moment, number = datetime(2026, 11, 27, tzinfo=UTC), UUID(KEPT[0])
    assert redacted({"n": 5, "f": 1.5, "b": True, "none": None, "at": moment, "id": number}) == {
        "n": 5,
        "f": 1.5,
        "b": True,
        "none": None,
        "at": str(moment),
        "id": str(number),
    }


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_addresses_are_told_as_networks(address: str, network: str) -> None:
    assert redacted_text(f"from {address} refused") == f"from {network} refused"


def test_long_and_deep_and_many_are_cut_and_nothing_half_a_secret_stays() -> None:
    assert len(redacted_text("x " * LONGEST_READ)) < LONGEST_TEXT + 20
    assert TOKEN[:30] not in redacted_text("x" * (LONGEST_READ - 30) + " " + TOKEN, LONGEST_READ)
    assert len(redacted(list(range(10_000)))) == MOST_ITEMS + 1
    deep: Any = "bottom"
    for _ in range(30):
        deep = [deep, deep, deep]
    assert "bottom" not in str(redacted(deep))


def test_an_object_that_can_not_be_told_is_told_by_its_kind() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError(TOKEN)

    assert redacted(Broken()) == "[Broken]"


def test_looking_takes_time_in_proportion_whatever_is_written() -> None:
    """No assertion on time: a pattern that explodes would meet the test's own limit."""
    for evil in (
        "0" * LONGEST_READ,
        "=:" * LONGEST_READ,
        '\\"' * LONGEST_READ,
        "eyJ" * LONGEST_READ,
        "a@" * LONGEST_READ,
    ):
        redacted_text(evil)
