"""An api that trusts realms whose keys the tests hold, on a real database, over HTTPS."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from msgspec import structs
from msgspec.structs import replace

from foundation.settings import ApiSettings, DatabaseSettings, KeycloakClientSettings, load
from security_tests.attacks.identity.api_process import Api, free_port, started
from security_tests.attacks.identity.realm_of_ours import Forger, Realms
from services.seed import load_people, load_reference
from stack import certificates
from stack.home import Home
from stack.ports import Ports
from stack.postgres import PostgresCluster
from stack.services import Services
from tests.backend.world import connect
from tests.conftest import WIDE, Database
from tests.identity import world

DATABASE = "forged_realms"


@dataclass(frozen=True)
class ForgedWorld:
    """Realms, database and settings that api processes share. Each trusts `forger` and remembers together."""

    keycloak: Realms
    forger: Forger
    database: Database
    settings: ApiSettings
    authority: Path
    folder: Path

    def look(self) -> psycopg.Connection:
        """A superuser's connection."""
        return connect(self.database.settings(self.database.superuser))

    def on(self, port: int) -> ApiSettings:
        """Settings of another process: it listens elsewhere, and has the same public address."""
        return replace(self.settings, listen_port=port)


@pytest.fixture(scope="session")
def forged(
    backend_cluster: PostgresCluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ForgedWorld]:
    """One official at work in Hoàn Kiếm, in a realm of the tests."""
    folder = tmp_path_factory.mktemp("forged")
    pairs = certificates.ensure(folder / "tls")
    backend_cluster.clone(migrated_template, DATABASE)
    database = Database(backend_cluster, DATABASE)
    keycloak = Realms(pairs)
    port = free_port()
    forger = Forger(keycloak.url, f"https://localhost:{port}")
    with connect(backend_cluster.settings("backend_migrator", DATABASE, 1)) as connection:
        connection.execute("SET ROLE backend_owner")
        load_reference(connection)
        subject = world.official_claims()["sub"]
        duty = {"kind": "handler", "unit": "00070"}
        person = {"id": subject, "family_name": "Trần", "given_name": "Văn Minh", "duties": [duty]}
        load_people(connection, {"officials": [person]}, f"{keycloak.url}/realms/hanoi-ioc")
    settings = _settings(folder, pairs, database, forger, port)
    yield ForgedWorld(keycloak, forger, database, settings, pairs.authority, folder)
    keycloak.stop()
    backend_cluster.drop(DATABASE)


@pytest.fixture(scope="session")
def api(forged: ForgedWorld) -> Iterator[Api]:
    """The process at the public address. It has remembered proofs for an hour."""
    with forged.look() as connection:
        connection.execute("INSERT INTO identity.proof_epoch (since) VALUES (now() - interval '1 hour')")
    with started(forged.settings, forged.authority, forged.folder) as api:
        yield api


def _settings(
    folder: Path, pairs: certificates.Certificates, database: Database, forger: Forger, port: int
) -> ApiSettings:
    """The stack's own settings of the api, with another database and other realms."""
    home = Home(folder)
    home.prepare()
    services = Services(home, Ports.unused(), database.cluster, pairs, WIDE)
    services.write_settings()
    settings = load(services.settings_file("api"), ApiSettings)
    databases = {
        name: replace(value, name=database.name)
        for name, value in structs.asdict(settings).items()
        if isinstance(value, DatabaseSettings)
    }
    key_file = folder / "client.pem"
    key_file.write_bytes(world.CLIENT_KEY.as_pem(private=True))
    identity = replace(
        settings.identity,
        public_url=forger.api_url,
        citizens=replace(settings.identity.citizens, issuer=f"{forger.keycloak_url}/realms/ihanoi"),
        officials=replace(settings.identity.officials, issuer=f"{forger.keycloak_url}/realms/hanoi-ioc"),
        introspection=KeycloakClientSettings(client_id="ioc-backend", key_file=key_file),
    )
    # No edge stands before this process: what is tried here is the api's own door.
    tls = replace(settings.tls, client_ca_file=None)
    return replace(
        settings,
        listen_port=port,
        tls=tls,
        identity=identity,
        trusted_proxies=["127.0.0.1/32"],
        **databases,
    )
