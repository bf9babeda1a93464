"""docker-compose.yml as a file: every settings file is read, every script is run, no container is."""

import http.server
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import yaml

from foundation.settings import (
    ApiSettings,
    ArchiverSettings,
    DatabaseSettings,
    DirectorySettings,
    EdgeEventsSettings,
    RelaySettings,
    Section,
    VaultSettings,
    WorkerSettings,
    load,
)
from stack import keycloak
from stack.certificates import RELAY_NAME, VAULT_RELAY_NAME
from stack.home import ROOT
from stack.ports import Ports
from stack.postgres import PostgresCluster, binaries
from tests.conftest import RunningStack

IMAGES = ROOT / "deploy" / "images"
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
JOBS = {"migrate-backend", "migrate-vault", "passwords-backend", "passwords-vault", "seed", "signatures"}
PASSWORDS = {"passwords-backend", "passwords-vault"}
OPERATED = {"api", "vault", "vault_relay", "worker", "relay", "directory", "edge_events", "archiver"}
"""Our services: each tells on its own loopback whether it is ready."""
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")
_VALUES = {
    "IOC_API_HOST": "api.example",
    "IOC_API_PORT": "8443",
    "IOC_KEYCLOAK_HOST": "id.example",
    "IOC_KEYCLOAK_PORT": "8444",
    "IOC_MAIL_SENDER": "ioc@hanoi.example",
    "IOC_SOC_PORT": "20514",
    "IOC_WITNESS_PORT": "8446",
}


def filled(text: str) -> str:
    """The text with its variables replaced, as Compose does it."""
    return _VARIABLE.sub(lambda match: _VALUES.get(match["name"], "host.example"), text)


def secrets_of(service: dict[str, Any]) -> set[str]:
    """The secrets that a service may read."""
    return set(service.get("secrets", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert not service.get("privileged", False)
    assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_a_health_check_or_ends_by_itself(name: str) -> None:
    service = SERVICES[name]
    assert ("healthcheck" in service) is (name not in JOBS)
    assert (service["restart"] == "no") is (name in JOBS)


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_networks_or_none_at_all(name: str) -> None:
    service = SERVICES[name]
    assert ("networks" in service) is not (service.get("network_mode") == "none")


def test_networks_are_the_zones() -> None:
    members: dict[str, set[str]] = {zone: set() for zone in COMPOSE["networks"]}
    for name, service in SERVICES.items():
        for zone in service.get("networks", ()):
            members[zone].add(name)
    assert members == {
        "edge": {"edge"},
        "application": {"edge", "api", "keycloak", "directory"},
        "keycloak-data": {"keycloak", "postgres-keycloak", "archiver"},
        "outside": {"keycloak", "worker", "signatures", "clamav-signatures"},
        "sealing": {"api", "openbao"},
        "soc": {"relay", "vault_relay", "soc"},
        "vault": {"api", "vault"},
        "vault-identity": {"edge", "vault"},
        "vault-sealing": {"vault", "openbao-vault"},
        "witness": {"vault_relay", "witness"},
    }


def test_no_way_leads_out_of_the_inner_zones() -> None:
    inner = {zone for zone, network in COMPOSE["networks"].items() if network.get("internal") is True}
    zones = {"application", "keycloak-data", "sealing", "vault", "vault-identity", "vault-sealing", "witness"}
    assert inner == zones


def test_the_edge_alone_is_published() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"edge"}


def test_scanner_has_no_network_and_changes_no_signature() -> None:
    scanner = SERVICES["clamav"]
    assert scanner["network_mode"] == "none"
    assert "clamav-signatures:/var/lib/clamav:ro" in scanner["volumes"]


def test_edges_account_counts_its_refusals_and_ends_no_other_process() -> None:
    edge, events = SERVICES["edge"], SERVICES["edge_events"]
    assert events["user"] == edge["user"]
    assert (events["pid"], [name for name, one in SERVICES.items() if "pid" in one]) == (
        "service:edge",
        ["edge_events"],
    )
    assert set(edge["volumes"]) <= set(events["volumes"])


@pytest.mark.parametrize("name", sorted(OPERATED))
def test_service_is_asked_where_it_answers(name: str) -> None:
    text = tomllib.loads(filled(COMPOSE["configs"][name]["content"]))
    check = ["CMD", "python", "/app/healthy.py", "operations", str(text["operations"]["port"])]
    assert SERVICES[name]["healthcheck"]["test"] == check


def test_every_volume_is_declared_and_used() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    named = {volume for volume in mounted if not volume.startswith((".", "$"))}
    assert named == set(COMPOSE["volumes"])


def test_each_thing_waited_for_is_a_service_that_can_come_to_it() -> None:
    waited = {
        (other, how["condition"])
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
    }
    ends = {name for name, condition in waited if condition == "service_completed_successfully"}
    assert {name for name, _ in waited} <= set(SERVICES)
    assert ends <= JOBS
    assert {name for name, condition in waited if condition == "service_healthy"}.isdisjoint(JOBS)


def test_each_secret_is_a_file_that_somebody_reads() -> None:
    used = set().union(*map(secrets_of, SERVICES.values()))
    assert used == set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_superusers_passwords_reach_their_cluster_and_the_job_alone() -> None:
    holders = {name: secrets_of(service) for name, service in SERVICES.items()}
    found = {name for name, secrets in holders.items() if any("superuser" in secret for secret in secrets)}
    assert found == {"postgres-backend", "postgres-vault", "postgres-keycloak", *PASSWORDS}


def test_seal_of_recoveries_is_the_directorys_and_the_workers_alone() -> None:
    holders = {name for name, service in SERVICES.items() if "recovery-seal" in secrets_of(service)}
    assert holders == {"directory", "worker"}


def test_what_opens_backups_is_the_archivers_alone() -> None:
    holders = {name for name, service in SERVICES.items() if "backup-key" in secrets_of(service)}
    assert holders == {"archiver"}
    archiver = SERVICES["archiver"]
    assert not {secret for secret in secrets_of(archiver) if secret.startswith("postgres-")} - {
        f"postgres-{cluster}_backup" for cluster in ("backend", "keycloak", "vault")
    }
    assert "media:/srv/media:ro" in archiver["volumes"]


def test_certificates_for_the_vaults_keys_are_the_vaults_alone() -> None:
    holders = {
        name
        for name, service in SERVICES.items()
        if any(secret.startswith("keyring-serve") for secret in secrets_of(service))
    }
    assert holders == {"vault"}


@pytest.mark.parametrize("name", ["openbao", "openbao-vault"])
def test_openbaos_configuration_is_its_own_language_alone(name: str) -> None:
    text = filled(COMPOSE["configs"][name]["content"])
    assert re.findall(r"^[a-z]\w*", text, re.MULTILINE) == [
        "ui",
        "api_addr",
        "cluster_addr",
        "storage",
        "listener",
        "audit",
    ]
    assert re.findall(r"^\[.*", text, re.MULTILINE) == []
    named = set(re.findall(r"/run/secrets/([^\"]+)", text))
    assert named == secrets_of(SERVICES[name])


def test_nothing_has_a_default() -> None:
    assert [match[0] for match in _VARIABLE.finditer(TEXT) if not match["rest"].startswith(":?")] == []


def test_no_secret_stands_in_environment_or_command() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or name.endswith("_FILE"), name
            assert "secrets" not in str(value) or name.endswith("_FILE"), name


@pytest.mark.parametrize(
    ("config", "kind", "service"),
    [
        ("api", ApiSettings, "api"),
        ("vault", VaultSettings, "vault"),
        ("worker", WorkerSettings, "worker"),
        ("relay", RelaySettings, "relay"),
        ("vault_relay", RelaySettings, "vault_relay"),
        ("directory", DirectorySettings, "directory"),
        ("edge_events", EdgeEventsSettings, "edge_events"),
        ("archiver", ArchiverSettings, "archiver"),
        ("migrations-backend", DatabaseSettings, "migrate-backend"),
        ("migrations-vault", DatabaseSettings, "migrate-vault"),
    ],
)
def test_settings_are_read_by_their_service_and_name_its_own_secrets(
    tmp_path: Path, config: str, kind: type[Section], service: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(filled(COMPOSE["configs"][config]["content"]), encoding="utf-8")
    settings = load(file, kind)
    named = re.findall(r"/run/secrets/([^\"']+)", str(msgspec.to_builtins(settings, enc_hook=str)))
    assert set(named) <= secrets_of(SERVICES[service])
    assert f"/run/ioc/{config}.toml" in SERVICES[service]["command"]


def test_services_run_as_in_production() -> None:
    texts = {name: tomllib.loads(filled(COMPOSE["configs"][name]["content"])) for name in OPERATED}
    found = {name: text["environment"] for name, text in texts.items() if "environment" in text}
    assert found == dict.fromkeys(OPERATED, "production")


def test_keycloak_is_the_version_and_build_of_the_embedded_stack() -> None:
    text = (IMAGES / "keycloak" / "Dockerfile").read_text(encoding="utf-8")
    assert set(re.findall(r"^FROM keycloak/keycloak:(\S+)", text, re.MULTILINE)) == {keycloak.VERSION}
    (build,) = re.findall(r"kc\.sh build ((?:.*\\\n)*.*)", text)
    assert sorted(build.replace("\\\n", " ").split()) == sorted(keycloak.BUILD_OPTIONS)


def test_receivers_template_is_filled_whole() -> None:
    text = (IMAGES / "soc" / "Dockerfile").read_text(encoding="utf-8")
    filled_in = (ROOT / "deploy" / "rsyslog" / "receiver.conf.template").read_text(encoding="utf-8")
    for old, new in re.findall(r"-e 's\|([^|]+)\|([^|]+)\|g?'", text):
        assert old in filled_in
        filled_in = filled_in.replace(old, new)
    assert re.findall(r"\{[a-z_]+\}", filled_in) == []
    assert f'tls.permittedPeer=["{RELAY_NAME}", "{VAULT_RELAY_NAME}"]' in filled_in


def test_everything_that_images_copy_exists() -> None:
    copied = [
        source
        for file in IMAGES.rglob("Dockerfile")
        for line in re.findall(r"^COPY (?!--from)(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []


@pytest.fixture
def as_in_a_container(backend_cluster: PostgresCluster) -> dict[str, str]:
    """The environment of a script that signs in as superuser."""
    programs = binaries(backend_cluster.account)
    password = backend_cluster.password_file(backend_cluster.superuser).read_text(encoding="ascii")
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(backend_cluster.sockets),
        "PGPORT": str(backend_cluster.port),
        "PGPASSWORD": password,
        "PGUSER": backend_cluster.superuser,
        "POSTGRES_USER": backend_cluster.superuser,
        "IOC_SECRETS_FOLDER": str(backend_cluster.home.folder / "secrets"),
    }


def sign_in(cluster: PostgresCluster, role: str, database: str, password: str) -> str:
    """Who the server says one is."""
    with psycopg.connect(
        host=str(cluster.sockets), port=cluster.port, dbname=database, user=role, password=password
    ) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    assert row is not None
    return str(row[0])


def test_bootstrap_makes_a_migrator_and_its_database(
    backend_cluster: PostgresCluster, as_in_a_container: dict[str, str], tmp_path: Path
) -> None:
    backend_cluster.password_file("trial_migrator").write_text("it's a 'trial'\n", encoding="ascii")
    backend_cluster.password_file("trial_backup").write_text("another", encoding="ascii")
    environment = {
        **as_in_a_container,
        "IOC_ROLE": "trial_migrator",
        "IOC_DATABASE": "trial",
        "IOC_BACKUP_ROLE": "trial_backup",
        "IOC_BACKUP_NETWORK": "yes",
        "PGDATA": str(tmp_path),
    }
    subprocess.run([IMAGES / "postgres" / "bootstrap.sh"], env=environment, check=True, capture_output=True)
    assert sign_in(backend_cluster, "trial_migrator", "trial", "it's a 'trial'") == "trial_migrator"
    with backend_cluster.connect() as connection:
        row = connection.execute(
            "SELECT rolcreaterole, rolsuper FROM pg_roles WHERE rolname = 'trial_migrator'"
        ).fetchone()
        backup = connection.execute(
            "SELECT rolreplication, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'trial_backup'"
        ).fetchone()
    assert (row, backup) == ((True, False), (True, False, False))
    assert sign_in(backend_cluster, "trial_backup", "postgres", "another") == "trial_backup"
    rules = (tmp_path / "pg_hba.conf").read_text(encoding="ascii")
    assert rules == "host replication trial_backup samenet scram-sha-256\n"


def test_passwords_are_set_from_their_files(
    backend_cluster: PostgresCluster, as_in_a_container: dict[str, str]
) -> None:
    with backend_cluster.connect() as connection:
        connection.execute("CREATE ROLE trial_app LOGIN")
    backend_cluster.password_file("trial_app").write_text("first", encoding="ascii")
    script = [IMAGES / "postgres" / "set-passwords.sh", "trial_app"]
    subprocess.run(script, env=as_in_a_container, check=True, capture_output=True)
    assert sign_in(backend_cluster, "trial_app", "postgres", "first") == "trial_app"


def test_health_of_a_service(running_stack: RunningStack) -> None:
    check = [sys.executable, IMAGES / "healthy.py", "operations"]
    port = str(running_stack.stack.ports.operations("api"))
    assert subprocess.run([*check, port], check=False, capture_output=True).returncode == 0
    nobody = str(Ports.unused().api)
    assert subprocess.run([*check, nobody], check=False, capture_output=True).returncode != 0


def test_health_of_the_edge(running_stack: RunningStack) -> None:
    port, authority = str(running_stack.stack.ports.edge), running_stack.endpoints.ca_file
    check = [sys.executable, IMAGES / "healthy.py", "edge"]
    done = subprocess.run([*check, "localhost", port, authority], check=False, capture_output=True)
    assert done.returncode == 0
    other = subprocess.run([*check, "other.example", port, authority], check=False, capture_output=True)
    assert other.returncode != 0


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_health_of_keycloak(status: int, healthy: bool) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        check = [IMAGES / "keycloak" / "ready.sh", str(server.server_address[1])]
        done = subprocess.run(check, check=False, capture_output=True, timeout=60)
        server.shutdown()
    assert (done.returncode == 0) is healthy
