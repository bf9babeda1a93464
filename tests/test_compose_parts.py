"""That the parts of docker-compose.yml fit each other, the images, and what deploy/ says."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from foundation.settings import ApiSettings, DirectorySettings, EdgeEventsSettings, load
from stack import certificates, edge_files
from stack.edge_files import EdgeFiles
from stack.home import ROOT
from stack.packages import program
from tests.test_compose import COMPOSE, IMAGES, SERVICES, filled, secrets_of

FIRST_PARTY = {path.parent.name for path in ROOT.glob("*/__init__.py")}
STARTED = {"migrations", *(part for part in SERVICES if (ROOT / "services" / f"{part}.py").exists())}


def settings(tmp_path: Path, name: str) -> Path:
    """A service's settings as a file."""
    file = tmp_path / f"{name}.toml"
    file.write_text(filled(COMPOSE["configs"][name]["content"]), encoding="utf-8")
    return file


def address(service: str, network: str = "application") -> str:
    """A service's fixed address in a network."""
    return str(SERVICES[service]["networks"][network]["ipv4_address"])


def options(service: str) -> dict[str, str]:
    """A command's `--name=value`, filled."""
    return dict(filled(word).split("=", 1) for word in SERVICES[service]["command"] if "=" in word)


@pytest.fixture
def edge(tmp_path: Path) -> EdgeFiles:
    """The edge's settings, read as its container reads them."""
    return edge_files.load(settings(tmp_path, "edge"))


@pytest.fixture
def api(tmp_path: Path) -> ApiSettings:
    """The api's."""
    return load(settings(tmp_path, "api"), ApiSettings)


def test_edge_finds_the_services_where_they_listen(edge: EdgeFiles, api: ApiSettings) -> None:
    assert edge.api_address == f"{address('api')}:{api.listen_port}"
    assert edge.keycloak_address == f"{address('keycloak')}:{options('keycloak')['--https-port']}"


def test_edge_publishes_the_ports_that_it_listens_on(edge: EdgeFiles) -> None:
    published = {tuple(filled(port).split(":")) for port in SERVICES["edge"]["ports"]}
    assert published == {(str(port), str(port)) for port in (edge.api_listen, edge.keycloak_listen)}


def test_everybody_means_the_edge_by_the_public_names(edge: EdgeFiles, api: ApiSettings) -> None:
    keycloak = f"https://{edge.keycloak_name}:{edge.keycloak_listen}"
    assert api.identity.public_url == f"https://{edge.api_name}:{edge.api_listen}"
    assert api.identity.citizens.issuer == f"{keycloak}/realms/ihanoi"
    assert api.identity.officials.issuer == f"{keycloak}/realms/hanoi-ioc"
    assert options("keycloak")["--hostname"] == keycloak
    aliases = map(filled, SERVICES["edge"]["networks"]["application"]["aliases"])
    assert sorted(aliases) == sorted((edge.api_name, edge.keycloak_name))


def test_directory_administers_keycloak_by_the_edge(edge: EdgeFiles, tmp_path: Path) -> None:
    directory = load(settings(tmp_path, "directory"), DirectorySettings)
    assert directory.keycloak_url == f"https://{edge.keycloak_name}:{edge.keycloak_listen}"
    vault = address("vault", "vault-identity")  # it reads events of credentials
    assert set(edge.inside) == {f"{address('api')}/32", f"{address('directory')}/32", f"{vault}/32"}


def test_only_the_edge_is_believed_about_whom_it_speaks_for(api: ApiSettings) -> None:
    assert api.trusted_proxies == [f"{address('edge')}/32"]
    assert options("keycloak")["--proxy-trusted-addresses"] == address("edge")
    assert options("keycloak")["--proxy-headers"] == "xforwarded"


def test_api_serves_callers_with_a_certificate_alone(api: ApiSettings, edge: EdgeFiles) -> None:
    assert str(api.tls.client_ca_file) == "/run/secrets/callers-ca.pem"
    holders = {name for name, service in SERVICES.items() if "edge-client.key" in secrets_of(service)}
    assert (edge.client_key, holders) == ("/run/secrets/edge-client.key", {"edge"})


def test_edge_runs_production_rules_with_its_own_secrets(edge: EdgeFiles) -> None:
    named = {value for value in vars(edge).values() if str(value).startswith("/run/secrets/")}
    assert {Path(name).name for name in named} == secrets_of(SERVICES["edge"])
    assert (edge.inline_documents, edge.rules, edge.core_rules) == (False, True, edge_files.CORE_RULES)


def test_refusals_are_read_where_the_edge_writes_them(edge: EdgeFiles, tmp_path: Path) -> None:
    events = load(settings(tmp_path, "edge_events"), EdgeEventsSettings)
    assert str(events.refusals_file) == f"{edge.run}/refused.jsonl"
    assert str(events.edge_pid_file) == f"{edge.run}/nginx.pid"
    assert f"edge-run:{edge.run}" in SERVICES["edge"]["volumes"]


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path)
    text = filled(COMPOSE["configs"]["edge"]["content"]).replace("/srv/edge", f"{tmp_path}/run")
    files = {
        "edge.pem": made.edge.certificate,
        "edge.key": made.edge.key,
        "edge-client.pem": made.edge_client.certificate,
        "edge-client.key": made.edge_client.key,
        "ca.pem": made.authority,
    }
    for name, file in files.items():
        text = text.replace(f"/run/secrets/{name}", str(file))
    (tmp_path / "edge.toml").write_text(text, encoding="utf-8")
    edge = edge_files.load(tmp_path / "edge.toml")
    edge.write()
    nginx = program("nginx")
    assert nginx is not None
    done = subprocess.run([nginx, "-t", *edge.arguments()], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_edges_image_needs_no_package() -> None:
    tree = ast.parse((ROOT / "stack" / "edge_files.py").read_text(encoding="utf-8"))
    assert imported(tree) <= sys.stdlib_module_names
    assert imported(ast.parse((ROOT / "stack" / "__init__.py").read_text(encoding="utf-8"))) == set()
    assert imported(ast.parse((IMAGES / "healthy.py").read_text(encoding="utf-8"))) <= sys.stdlib_module_names


def test_edges_image_has_the_packages_of_the_embedded_stack() -> None:
    text = (IMAGES / "edge" / "Dockerfile").read_text(encoding="utf-8")
    (installed,) = re.findall(r"--no-install-recommends (.*) \\", text)
    assert installed.split() == ["nginx", "libnginx-mod-http-modsecurity", "modsecurity-crs", "python3"]


def imported(tree: ast.Module) -> set[str]:
    """The first names of what a file imports."""
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in found}


def imports_of(packages: set[str]) -> set[str]:
    """Packages of ours that these import, directly or by others, and themselves."""
    known, todo = set(packages), set(packages)
    while todo:
        files = [file for package in todo for file in (ROOT / package).rglob("*.py")]
        names = set().union(*(imported(ast.parse(file.read_text(encoding="utf-8"))) for file in files))
        todo = (names & FIRST_PARTY) - known
        known |= todo
    return known


def copied(dockerfile: Path) -> dict[str, str]:
    """Sources in the repository and where they lie in the image."""
    lines = re.findall(r"^COPY (?!--from)(.*)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    return {source: line.split()[-1] for line in lines for source in line.split()[:-1]}


def test_image_has_every_package_that_its_services_import() -> None:
    found = copied(IMAGES / "Dockerfile")
    packages = {name for name in FIRST_PARTY if found.get(f"{name}/") == f"/app/{name}/"}
    assert packages == imports_of({"services", "migrations"})


def test_every_command_of_ours_is_a_module_of_the_image() -> None:
    commands = {
        service["command"][0]
        for service in SERVICES.values()
        if re.match(r"hanoi-ioc(-archiver)?:", str(service.get("image")))
    }
    assert commands == {
        "migrations",
        "services.seed",
        "verifier.witness",
        *(f"services.{name}" for name in STARTED - {"migrations"}),
    }


def test_every_folder_of_the_image_that_settings_name_is_copied() -> None:
    targets = set(copied(IMAGES / "Dockerfile").values())
    texts: list[Any] = [
        tomllib.loads(filled(COMPOSE["configs"][name]["content"]))
        for name in STARTED
        if name in COMPOSE["configs"]
    ]
    named = set(re.findall(r"'(/app/[^']+)'", str(texts)))
    assert {folder for folder in named if not any(f"{folder}/".startswith(one) for one in targets)} == set()


def test_scanner_is_as_strict_as_in_the_embedded_stack() -> None:
    def read(text: str) -> dict[str, str]:
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return dict(line.split(" ", 1) for line in lines)

    own = read(filled(COMPOSE["configs"]["clamd"]["content"]))
    embedded = read(
        (ROOT / "deploy" / "local" / "clamav" / "clamd.conf.template").read_text(encoding="utf-8")
    )
    differs = {"DatabaseDirectory", "LocalSocket", "LocalSocketMode", "SelfCheck"}
    assert {name for name in own.keys() | embedded.keys() if own.get(name) != embedded.get(name)} == differs


def test_api_asks_the_scanner_at_its_socket(api: ApiSettings) -> None:
    clamd = COMPOSE["configs"]["clamd"]["content"]
    assert api.media is not None
    assert f"LocalSocket {api.media.scanner_socket}\n" in clamd
    assert {"clamav-socket:/srv/clamav"} <= set(SERVICES["api"]["volumes"]) & set(
        SERVICES["clamav"]["volumes"]
    )
    assert (api.media.scan_required, str(api.media.folder)) == (True, "/srv/media")


def test_relay_knows_the_receivers_port_and_the_receiver_the_relay() -> None:
    text = (IMAGES / "soc" / "Dockerfile").read_text(encoding="utf-8")
    (port,) = re.findall(r"s\|\{port\}\|(\d+)\|", text)
    check = SERVICES["soc"]["healthcheck"]["test"][-1]
    assert (f"/{port}" in check, certificates.RELAY_NAME in text) == (True, True)
