"""What each role at the vault's OpenBao may do, and what it may not: the real server decides."""

import base64

import httpx
import pytest

from tests.openbaos import RunningBao

CLASSES = ("internal", "personal", "party", "restricted")
KEYS = (*CLASSES, "request-seeds", "secrets")
CONTEXT = base64.b64encode(b"context").decode()
PLAIN = {"plaintext": base64.b64encode(b"x").decode(), "context": CONTEXT}
SERVED = {
    "serve": {"internal", "personal", "party", "request-seeds", "secrets"},
    "serve-restricted": {"restricted"},
    "rotate": set(),
    "destroy": set(),
    "administrator": set(),
}


def as_role(keyring_bao: RunningBao, role: str):
    return keyring_bao.client(keyring_bao.bao.certificates.keyring_clients[role], role)


def sealed_by_server(keyring_bao: RunningBao, key: str) -> str:
    role = "serve-restricted" if key == "restricted" else "serve"
    with as_role(keyring_bao, role) as client:
        answer = client.post(f"/v1/transit/encrypt/{key}", json=PLAIN)
    return str(answer.json()["data"]["ciphertext"])


@pytest.mark.parametrize("role", SERVED)
def test_each_role_seals_and_opens_with_its_own_keys_alone(keyring_bao: RunningBao, role: str) -> None:
    found: dict[str, set[str]] = {"encrypt": set(), "decrypt": set()}
    others = set()
    for key in KEYS:
        body = {
            "encrypt": PLAIN,
            "decrypt": {"ciphertext": sealed_by_server(keyring_bao, key), "context": CONTEXT},
        }
        with as_role(keyring_bao, role) as client:
            for verb, doors in found.items():
                status = client.post(f"/v1/transit/{verb}/{key}", json=body[verb]).status_code
                (doors.add(key) if status == 200 else others.add(status))
    assert found == {"encrypt": SERVED[role], "decrypt": SERVED[role]}
    assert others == {403}


FORBIDDEN = {
    "serve": [
        ("GET", "transit/keys/party", None),
        ("POST", "transit/keys/party", {}),
        ("POST", "transit/keys/another", {}),
        ("POST", "transit/keys/party/rotate", {}),
        ("POST", "transit/keys/party/config", {"min_decryption_version": 1}),
        ("POST", "transit/keys/party/trim", {"min_available_version": 1}),
        ("DELETE", "transit/keys/party", None),
        ("GET", "transit/export/encryption-key/party", None),
        ("GET", "transit/backup/party", None),
        ("POST", "transit/datakey/plaintext/party", {"context": CONTEXT}),
        ("POST", "transit/encrypt/another", PLAIN),
        ("POST", "transit/rewrap/restricted", {"ciphertext": "vault:v1:AAAA", "context": CONTEXT}),
        ("POST", "transit/rewrap/request-seeds", {"ciphertext": "vault:v1:AAAA", "context": CONTEXT}),
        ("GET", "sys/storage/raft/snapshot", None),
        ("PUT", "sys/seal", None),
        ("GET", "sys/policies/acl/serve", None),
        ("POST", "auth/cert/certs/mine", {}),
        ("POST", "auth/token/create", {}),
    ],
    "serve-restricted": [
        ("POST", "transit/rewrap/party", {"ciphertext": "vault:v1:AAAA", "context": CONTEXT}),
        ("GET", "transit/keys/restricted", None),
        ("POST", "transit/keys/restricted/rotate", {}),
        ("POST", "transit/keys/restricted/trim", {"min_available_version": 1}),
        ("POST", "auth/token/create", {}),
    ],
    "rotate": [
        ("POST", "transit/keys/party", {}),
        ("POST", "transit/keys/party/config", {"min_decryption_version": 1}),
        ("POST", "transit/keys/party/trim", {"min_available_version": 1}),
        ("POST", "transit/keys/request-seeds/config", {"deletion_allowed": True}),
        ("POST", "transit/keys/request-seeds/config", {"exportable": True, "min_decryption_version": 1}),
        ("DELETE", "transit/keys/request-seeds", None),
        ("GET", "transit/export/encryption-key/party", None),
        ("POST", "transit/datakey/plaintext/party", {"context": CONTEXT}),
        ("GET", "sys/storage/raft/snapshot", None),
        ("POST", "auth/token/create", {}),
    ],
    "destroy": [
        ("POST", "transit/keys/party/rotate", {}),
        ("POST", "transit/keys/party/config", {"deletion_allowed": True}),
        ("POST", "transit/keys/party/config", {"exportable": True}),
        ("POST", "transit/keys/party/config", {"allow_plaintext_backup": True}),
        ("DELETE", "transit/keys/party", None),
        ("POST", "transit/rewrap/party", {"ciphertext": "vault:v1:AAAA", "context": CONTEXT}),
        ("GET", "sys/storage/raft/snapshot", None),
        ("POST", "auth/token/create", {}),
    ],
    "administrator": [
        ("POST", "transit/keys/party/rotate", {}),
        ("POST", "transit/keys/party/config", {"deletion_allowed": True}),
        ("POST", "transit/keys/party/trim", {"min_available_version": 1}),
        ("DELETE", "transit/keys/party", None),
        ("GET", "transit/export/encryption-key/party", None),
        ("POST", "sys/policies/acl/mine", {"policy": ""}),
        ("POST", "sys/policies/acl/administrator", {"policy": ""}),
        ("POST", "auth/cert/certs/mine", {}),
        ("PUT", "sys/seal", None),
    ],
}


@pytest.mark.parametrize(
    ("role", "method", "path", "body"),
    [(role, *call) for role, calls in FORBIDDEN.items() for call in calls],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_role_may_not(
    keyring_bao: RunningBao, role: str, method: str, path: str, body: dict[str, object] | None
) -> None:
    with as_role(keyring_bao, role) as client:
        answer = client.request(method, f"/v1/{path}", json=body)
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("role", SERVED)
def test_certificate_of_one_role_is_not_let_in_as_another(keyring_bao: RunningBao, role: str) -> None:
    clients = keyring_bao.bao.certificates.keyring_clients
    with as_role(keyring_bao, role) as client:
        found = {
            other: client.post("/v1/auth/cert/login", json={"name": other}).status_code
            for other in SERVED
            if other != role
        }
    assert set(found) == set(clients) - {role}
    assert set(found.values()) == {400}


def test_rotator_rotates_and_rewraps_what_it_can_not_read(keyring_bao: RunningBao) -> None:
    sealed = sealed_by_server(keyring_bao, "secrets")
    with as_role(keyring_bao, "rotate") as client:
        client.post("/v1/transit/keys/secrets/rotate").raise_for_status()
        newest = client.get("/v1/transit/keys/secrets").json()["data"]["latest_version"]
        body = {"ciphertext": sealed, "context": CONTEXT}
        again = client.post("/v1/transit/rewrap/secrets", json=body).json()["data"]["ciphertext"]
    assert again.startswith(f"vault:v{newest}:")
    with as_role(keyring_bao, "serve") as client:
        body = {"ciphertext": again, "context": CONTEXT}
        answer = client.post("/v1/transit/decrypt/secrets", json=body)
    assert answer.json()["data"]["plaintext"] == PLAIN["plaintext"]


def test_the_backends_certificates_are_nobody_here(keyring_bao: RunningBao) -> None:
    with (
        pytest.raises(httpx.TransportError),
        keyring_bao.client(keyring_bao.bao.certificates.openbao_api, "serve"),
    ):
        pass


def test_root_token_is_gone(keyring_bao: RunningBao) -> None:
    assert not keyring_bao.bao.home.secret("openbao-vault-root").exists()
