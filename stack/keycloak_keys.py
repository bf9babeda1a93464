"""Keys that Keycloak holds: those of its realms, and public halves of our confidential clients' keys."""

import itertools
import json
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from recovery.repository import moment, stamp
from stack.errors import StackError
from stack.secret_files import password

REALMS = ("ihanoi", "hanoi-ioc", "master")
"""The last one is of Keycloak's own administrators."""
_PROVIDER_TYPE = "org.keycloak.keys.KeyProvider"
# What signs tokens for others, what signs those that Keycloak alone reads (refresh tokens, links in letters),
# what encrypts its cookies; RSA keys are there by default, and Keycloak takes what they sign.
_GENERATED: dict[str, dict[str, list[str]]] = {
    "ecdsa-generated": {"ecdsaEllipticCurveKey": ["P-256"]},
    "hmac-generated": {"algorithm": ["HS512"], "secretSize": ["128"]},
    "aes-generated": {"secretSize": ["16"]},
    "rsa-generated": {"keySize": ["2048"]},
    "rsa-enc-generated": {"keySize": ["2048"], "algorithm": ["RSA-OAEP"]},
}
_LIVES = (
    "ssoSessionMaxLifespan",
    "ssoSessionMaxLifespanRememberMe",
    "clientSessionMaxLifespan",
    "offlineSessionMaxLifespan",
    "actionTokenGeneratedByAdminLifespan",
    "actionTokenGeneratedByUserLifespan",
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """A key of a realm that signs nothing any more, and until when what it signed may come."""

    realm: str
    name: str
    component: str
    needed_until: datetime


@dataclass(frozen=True, slots=True)
class KeycloakKeys:
    """Keycloak's bootstrap administrator, past the edge. `base` is Keycloak's own address."""

    base: str
    authority: Path
    password_file: Path

    def renew_realm(self, realm: str) -> None:
        """New keys of higher priority sign; what the old ones signed is accepted while those are there."""
        with self._administrator() as http:
            parent = _json(http.get(f"/admin/realms/{realm}"))["id"]
            there = {one["providerId"] for one in _keys(http, realm)}
            for provider, config in _GENERATED.items():
                if provider not in there:
                    continue
                component = {
                    "name": f"{provider}-{stamp(datetime.now(UTC))}",
                    "providerId": provider,
                    "providerType": _PROVIDER_TYPE,
                    "parentId": parent,
                    "config": {
                        "priority": [str(int(time.time()))],
                        "enabled": ["true"],
                        "active": ["true"],
                        **config,
                    },
                }
                http.post(f"/admin/realms/{realm}/components", json=component).raise_for_status()

    def retired(self) -> list[RetiredKey]:
        """Keys that `renew_realm` has replaced, the realms' first ones too."""
        with self._administrator() as http:
            return [key for realm in REALMS for key in _retired(http, realm)]

    def remove(self, keys: Iterable[RetiredKey]) -> None:
        """Take them away: what they signed is refused from now on."""
        with self._administrator() as http:
            for key in keys:
                answer = http.delete(f"/admin/realms/{key.realm}/components/{key.component}")
                if answer.status_code != httpx.codes.NOT_FOUND:
                    answer.raise_for_status()

    def trust(self, client_id: str, key_files: Iterable[Path]) -> bool:
        """A client's assertions are accepted of these private keys (PEM) alone; whether that was news."""
        wanted = jwks(key_files)
        news = False
        with self._administrator() as http:
            for realm in REALMS:
                found = _json(http.get(f"/admin/realms/{realm}/clients", params={"clientId": client_id}))
                for client in found:
                    if client["attributes"].get("jwks.string") != wanted:
                        client["attributes"]["jwks.string"] = wanted
                        path = f"/admin/realms/{realm}/clients/{client['id']}"
                        http.put(path, json=client).raise_for_status()
                        news = True
        return news

    @contextmanager
    def _administrator(self) -> Iterator[httpx.Client]:
        trust = ssl.create_default_context(cafile=str(self.authority))
        # While Keycloak takes a new certificate for its own it breaks off who connects.
        transport = httpx.HTTPTransport(verify=trust, retries=4, trust_env=False)
        with httpx.Client(base_url=self.base, transport=transport, timeout=30, trust_env=False) as http:
            answer = http.post(
                "/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password",
                    "client_id": "admin-cli",
                    "username": "admin",
                    "password": password(self.password_file),
                },
            )
            if answer.status_code != httpx.codes.OK:
                raise StackError(
                    "keycloak", f"no administrator is let in ({answer.status_code})", "./ioc status"
                )
            http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield http


def jwks(key_files: Iterable[Path]) -> str:
    """The public JWK set of private ES256 keys (PEM)."""
    keys = [ECKey.import_key(file.read_bytes()) for file in key_files]
    return json.dumps(
        {"keys": [key.as_dict(private=False, kid=key.thumbprint(), use="sig", alg="ES256") for key in keys]}
    )


def _retired(http: httpx.Client, realm: str) -> list[RetiredKey]:
    document = _json(http.get(f"/admin/realms/{realm}"))
    life = timedelta(seconds=max(document.get(name, 0) for name in _LIVES))
    components = _keys(http, realm)
    retired = []
    for provider in _GENERATED:
        found = [one for one in components if one["providerId"] == provider]
        found.sort(key=lambda one: int(one["config"].get("priority", ["0"])[0]), reverse=True)
        for newer, old in itertools.pairwise(found):
            made = moment(newer["name"].removeprefix(f"{provider}-"))
            retired.append(RetiredKey(realm, old["name"], old["id"], made + life))
    return retired


def _keys(http: httpx.Client, realm: str) -> list[Json]:
    found: list[Json] = _json(http.get(f"/admin/realms/{realm}/components", params={"type": _PROVIDER_TYPE}))
    return found


def _json(answer: httpx.Response) -> Any:
    return answer.raise_for_status().json()
