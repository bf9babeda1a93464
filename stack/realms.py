"""Realm files for Keycloak's import, rendered from `deploy/keycloak/`, with the demo people of this machine.

Secrets (passwords, TOTP secrets, client keys) are made once and kept in HOME/secrets for every later call.
"""

import base64
import csv
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from stack.keycloak_keys import jwks
from stack.mail import USER as MAIL_USER
from stack.mail import mail_password_file
from stack.secret_files import new_signing_key, password

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "deploy" / "keycloak"
UNITS = ROOT / "backend" / "tenancy" / "data"
CITIZENS = "ihanoi"
OFFICIALS = "hanoi-ioc"
CONFIDENTIAL_CLIENTS = (
    "ioc-backend",
    "ioc-vault",
    "ioc-vault-events",
    "ioc-directory-events",
    "ioc-directory",
    "ioc-directory-cleared",
)

_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)(?::([a-z-]+))?\}")
OTP_PARAMETERS = {
    "subType": "totp",
    "digits": 6,
    "period": 30,
    "counter": 0,
    "algorithm": "HmacSHA1",
    "secretEncoding": "BASE32",
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where Keycloak's letters go, by STARTTLS. The account's password lies in HOME/secrets/keycloak-mail."""

    port: int = 25
    host: str = "localhost"
    user: str = MAIL_USER
    sender: str = "khong-tra-loi@ioc.hanoi.test"


def render(
    people_file: Path, home: Path, keycloak_url: str, api_url: str, mail: MailServer | None = None
) -> None:
    """Write HOME/keycloak/import/*-realm.json, HOME/secrets/people.json and the confidential clients' keys.

    A client has one key, HOME/secrets/keycloak-<client_id>.pem, in both realms.
    """
    mail = mail or MailServer()
    vault = home / "secrets"
    vault.mkdir(mode=0o700, parents=True, exist_ok=True)
    people = _people(people_file, vault / "people.json")
    keys = {}
    for client in CONFIDENTIAL_CLIENTS:
        file = vault / f"keycloak-{client}.pem"
        new_signing_key(file)
        keys[client] = jwks([file])
    target = home / "keycloak" / "import"
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = yaml.safe_load(people_file.read_text(encoding="utf-8"))
    for realm, group, profile in (
        (CITIZENS, "citizens", "profile-citizens.json"),
        (OFFICIALS, "officials", "profile-officials.json"),
    ):
        values = {
            "API_URL": api_url,
            "MAIL_HOST": mail.host,
            "MAIL_PORT": str(mail.port),
            "MAIL_FROM": mail.sender,
            "MAIL_USER": mail.user,
            "MAIL_PASSWORD": password(mail_password_file(home)),
            "KEYCLOAK_HOST": urlsplit(keycloak_url).hostname or "localhost",
            "USER_PROFILE": json.dumps(_template(profile), ensure_ascii=False),
        }
        merged = _merge(_template("common.json"), _template(f"{realm}.json"))
        document: Json = _fill(merged, values, keys)
        document["users"] += [_user(person, people[person["username"]]) for person in source[group]]
        if realm == OFFICIALS:
            document["organizations"] = _organisations(source[group])
        _write_private(target / f"{realm}-realm.json", json.dumps(document, ensure_ascii=False, indent=1))


def alias_of(unit_code: str) -> str:
    """The Keycloak organisation alias of a unit (formats.md, public identifiers)."""
    return f"u-{unit_code.lower()}"


def _people(people_file: Path, kept: Path) -> dict[str, Json]:
    """Everything a demo person needs to sign in. Known people keep their secrets; new ones get some."""
    known: dict[str, Json] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    source = yaml.safe_load(people_file.read_text(encoding="utf-8"))
    people: dict[str, Json] = {}
    for realm, group in ((CITIZENS, "citizens"), (OFFICIALS, "officials")):
        for person in source[group]:
            before = known.get(person["username"], {})
            people[person["username"]] = {
                "realm": realm,
                "password": before.get("password") or secrets.token_urlsafe(15),
                "totp_secret": before.get("totp_secret")
                or base64.b32encode(secrets.token_bytes(20)).decode(),
                "name": f"{person['family_name']} {person['given_name']}",
                "about": person.get("about", "citizen"),
                "organisation": person.get("organisation"),
                "duties": person.get("duties", []),
            }
    if people != known:
        _write_private(kept, json.dumps(people, ensure_ascii=False, indent=1))
    return people


def _user(person: Json, secret: Json) -> Json:
    user: Json = {
        "id": person["id"],
        "username": person["username"],
        "enabled": True,
        "firstName": person["given_name"],
        "lastName": person["family_name"],
        "credentials": [
            {"type": "password", "value": secret["password"], "temporary": False},
            {
                "type": "otp",
                "userLabel": "demo",
                "secretData": json.dumps({"value": secret["totp_secret"]}),
                "credentialData": json.dumps(OTP_PARAMETERS),
            },
        ],
    }
    if "email" in person:
        user |= {"email": person["email"], "emailVerified": True}
    if "organisation" in person:
        user["groups"] = ["/officials"]  # whom the directory administers
    if "phone" in person:
        # Long ago: the demo's people are known to the city.
        since = {"phone_verified_at": ["2026-01-01T00:00:00+00:00"]}
        user["attributes"] = {"phone": [person["phone"]], "phone_verified": [person["phone"]], **since}
    return user


def _organisations(officials: list[Json]) -> list[Json]:
    """One organisation a unit: the city, departments, Party bodies, and the 126 wards and communes."""
    rows: list[dict[str, str]] = []
    for name in ("units.csv", "wards.csv"):
        with (UNITS / name).open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    return [
        {
            "name": row["name"],
            "alias": alias_of(row["code"]),
            "enabled": True,
            "attributes": {"unit_code": [row["code"]]},
            "members": [
                {"username": person["username"], "membershipType": "UNMANAGED"}
                for person in officials
                if person["organisation"] == row["code"]
            ],
        }
        for row in rows
    ]


def _template(name: str) -> Json:
    document: Json = json.loads((TEMPLATES / name).read_text(encoding="utf-8"))
    return document


def _merge(base: Json, extra: Json) -> Json:
    """Objects are merged, lists are joined, anything else is replaced."""
    merged = dict(base)
    for name, value in extra.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merge(merged[name], value)
        elif isinstance(value, list) and isinstance(merged.get(name), list):
            merged[name] = merged[name] + value
        else:
            merged[name] = value
    return merged


def _fill(node: Any, values: dict[str, str], keys: dict[str, str]) -> Any:
    """Replace ${NAME} and ${JWKS:client}, not Keycloak's own ${lower}. Raises KeyError for an unknown one."""

    def replace(match: re.Match[str]) -> str:
        return keys[match[2]] if match[1] == "JWKS" else values[match[1]]

    if isinstance(node, dict):
        return {name: _fill(child, values, keys) for name, child in node.items()}
    if isinstance(node, list):
        return [_fill(child, values, keys) for child in node]
    return _PLACEHOLDER.sub(replace, node) if isinstance(node, str) else node


def _write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)
