"""The realm files that Keycloak imports."""

import json
from pathlib import Path
from typing import Any

import pytest

from stack.home import ROOT
from stack.realms import MailServer, render

PEOPLE = ROOT / "deploy" / "local" / "people.yaml"


def rendered(home: Path) -> dict[str, dict[str, Any]]:
    render(PEOPLE, home, "https://localhost:22443", "https://localhost:22800")
    files = (home / "keycloak" / "import").glob("*-realm.json")
    return {file.stem.removesuffix("-realm"): json.loads(file.read_text(encoding="utf-8")) for file in files}


@pytest.fixture
def realms(tmp_path: Path) -> dict[str, dict[str, Any]]:
    return rendered(tmp_path)


def client(realm: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in realm["clients"] if each["clientId"] == name)


def test_second_rendering_changes_nothing(tmp_path: Path) -> None:
    assert rendered(tmp_path) == rendered(tmp_path)


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    passwords = []
    for name in ("one", "two"):
        rendered(tmp_path / name)
        people = json.loads((tmp_path / name / "secrets" / "people.json").read_text(encoding="utf-8"))
        passwords += [person[secret] for person in people.values() for secret in ("password", "totp_secret")]
    assert len(set(passwords)) == len(passwords)


def test_files_with_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    rendered(tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}


def test_no_placeholder_of_ours_is_left(realms: dict[str, dict[str, Any]]) -> None:
    text = json.dumps(realms)
    assert [name for name in ("${API", "${KEY", "${JWKS", "${USER_") if name in text] == []


def test_every_unit_is_an_organisation(realms: dict[str, dict[str, Any]]) -> None:
    aliases = {each["alias"] for each in realms["hanoi-ioc"]["organizations"]}
    assert len(aliases) == 126 + 18
    assert {"u-00004", "u-c0001", "u-d0001", "u-p0002"} <= aliases


def test_demo_officials_are_members_of_their_organisation_alone(realms: dict[str, dict[str, Any]]) -> None:
    members = [
        (member["username"], each["alias"])
        for each in realms["hanoi-ioc"]["organizations"]
        for member in each["members"]
    ]
    assert sorted(members) == [
        ("dung", "u-00376"),
        ("ha", "u-d0001"),
        ("minh", "u-00070"),
        ("nga", "u-c0001"),
        ("phuong", "u-p0002"),
        ("quang", "u-c0001"),
        ("son", "u-c0001"),
        ("thao", "u-00070"),
        ("tu", "u-c0001"),
        ("yen", "u-00070"),
    ]


@pytest.mark.parametrize(("realm", "name"), [("ihanoi", "ihanoi-app"), ("hanoi-ioc", "ioc-ipad")])
def test_apps_are_public_clients_that_must_push_prove_and_bind(
    realms: dict[str, dict[str, Any]], realm: str, name: str
) -> None:
    app = client(realms[realm], name)
    flows = ("standardFlowEnabled", "directAccessGrantsEnabled", "implicitFlowEnabled", "fullScopeAllowed")
    assert [app["publicClient"], *(app[flow] for flow in flows)] == [True, True, False, False, False]
    wanted = {
        "require.pushed.authorization.requests": "true",
        "pkce.code.challenge.method": "S256",
        "dpop.bound.access.tokens": "true",
        "access.token.header.type.rfc9068": "true",
        "backchannel.logout.url": "https://localhost:22800/identity/backchannel-logout",
    }
    assert wanted.items() <= app["attributes"].items()
    assert app["redirectUris"] == ["https://localhost:22800/app/callback"]


@pytest.mark.parametrize("realm", ["ihanoi", "hanoi-ioc"])
def test_keycloaks_own_clients_are_shut(realms: dict[str, dict[str, Any]], realm: str) -> None:
    names = ("admin-cli", "account", "account-console", "security-admin-console")
    assert [client(realms[realm], name)["enabled"] for name in names] == [False] * 4


@pytest.mark.parametrize("realm", ["ihanoi", "hanoi-ioc"])
def test_directory_may_read_events_and_nothing_else(realms: dict[str, dict[str, Any]], realm: str) -> None:
    account = next(user for user in realms[realm]["users"] if "serviceAccountClientId" in user)
    assert account["clientRoles"] == {"realm-management": ["view-events"]}


@pytest.mark.parametrize("realm", ["ihanoi", "hanoi-ioc"])
def test_confidential_clients_keep_their_private_keys_at_home(
    realms: dict[str, dict[str, Any]], realm: str
) -> None:
    keys = [
        json.loads(client(realms[realm], name)["attributes"]["jwks.string"])["keys"][0]
        for name in ("ioc-backend", "ioc-directory-events")
    ]
    assert [(key["crv"], "d" in key) for key in keys] == [("P-256", False)] * 2


@pytest.mark.parametrize("realm", ["ihanoi", "hanoi-ioc"])
def test_nobody_may_register_a_passkey(realms: dict[str, dict[str, Any]], realm: str) -> None:
    actions = {action["alias"]: action["enabled"] for action in realms[realm]["requiredActions"]}
    flows = {flow["alias"]: flow["authenticationExecutions"] for flow in realms[realm]["authenticationFlows"]}
    highest = [(step["authenticator"], step["requirement"]) for step in flows["ioc aal3 passkey"]]
    assert (actions["webauthn-register"], actions["webauthn-register-passwordless"], highest) == (
        False,
        False,
        [("webauthn-authenticator", "ALTERNATIVE"), ("deny-access-authenticator", "ALTERNATIVE")],
    )


def test_letters_go_to_the_server_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "keycloak-mail").write_text("the account's", encoding="ascii")
    mail = MailServer(587, "mail.example", "keycloak@ioc.example", "ioc@hanoi.example")
    render(PEOPLE, tmp_path, "https://localhost:22443", "https://localhost:22800", mail)
    file = tmp_path / "keycloak" / "import" / "hanoi-ioc-realm.json"
    found = json.loads(file.read_text(encoding="utf-8"))["smtpServer"]
    assert found == {
        "host": "mail.example",
        "port": "587",
        "from": "ioc@hanoi.example",
        "fromDisplayName": "IOC Hà Nội",
        "starttls": "true",
        "auth": "true",
        "user": "keycloak@ioc.example",
        "password": "the account's",
    }


def test_citizens_register_themselves_and_officials_do_not(realms: dict[str, dict[str, Any]]) -> None:
    allowed = {
        name: (realm["registrationAllowed"], realm["resetPasswordAllowed"]) for name, realm in realms.items()
    }
    assert allowed == {"ihanoi": (True, True), "hanoi-ioc": (False, False)}


def test_citizens_letter_alone_sets_no_password(realms: dict[str, dict[str, Any]]) -> None:
    realm = realms["ihanoi"]
    flows = {flow["alias"]: flow["authenticationExecutions"] for flow in realm["authenticationFlows"]}
    steps = [
        (step.get("authenticator") or step["flowAlias"], step["requirement"])
        for step in (*flows[realm["resetCredentialsFlow"]], *flows["ioc recovery factor"])
    ]
    assert steps == [
        ("reset-credentials-choose-user", "REQUIRED"),
        ("reset-credential-email", "REQUIRED"),
        ("ioc recovery factor", "REQUIRED"),
        ("reset-password", "REQUIRED"),
        ("auth-otp-form", "ALTERNATIVE"),
        ("deny-access-authenticator", "ALTERNATIVE"),
    ]
