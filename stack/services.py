"""Our own processes: their settings files and how each says that it is ready."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from foundation.phones import KEY_BYTES as PHONE_KEY_SIZE
from foundation.settings import (
    AdministrationSettings,
    ApiSettings,
    ArchivedCluster,
    ArchiverSettings,
    AuditSettings,
    ChannelsSettings,
    CheckpointSettings,
    DirectoryQueueSettings,
    DirectorySettings,
    EdgeEventsSettings,
    IdentitySettings,
    KeycloakClientSettings,
    LimitsSettings,
    MailSettings,
    MediaSettings,
    OperationsSettings,
    PhoneSettings,
    RealmSettings,
    RelaySettings,
    Section,
    SignerSettings,
    SmsLimits,
    SmsSettings,
    SocSettings,
    TlsSettings,
    VaultAdminSettings,
    VaultGatewaySettings,
    VaultIdentitySettings,
    VaultSettings,
    WorkerSettings,
)
from recovery.sealed import KEY_BYTES as BACKUP_KEY_SIZE
from stack.certificates import Certificates, Pair
from stack.clamav import ClamAv
from stack.home import CONFIGURATION, ROOT, Home
from stack.keycloak import answers
from stack.mail import WORKER_USER, MailDouble
from stack.openbao import backend_openbao, contact_settings, keyring_settings, vault_openbao
from stack.ports import Ports
from stack.postgres import PostgresCluster, binaries
from stack.push import FcmDouble
from stack.secret_files import random_key, signing_key
from stack.settings_files import write_settings
from stack.sms import sms_token_file
from stack.supervisor import Part
from stack.vault_authority import DemoAuthority
from stack.vault_keys import VaultKeys
from stack.witness import WitnessPart

CITIZENS = "ihanoi"
OFFICIALS = "hanoi-ioc"
QUEUE_SIGNERS: tuple[Literal["api", "worker"], ...] = ("api", "worker")
"""Who signs what it asks of the directory."""
_SIV_KEY_SIZE = 64
_LINK_KEY_SIZE = 32
_SEAL_KEY_SIZE = 32


def issuer_of(ports: Ports, realm: str) -> str:
    """A realm's issuer, at the edge."""
    return f"https://localhost:{ports.keycloak}/realms/{realm}"


@dataclass(frozen=True)
class Services:
    """The api, the worker, the relay and the directory of one home."""

    home: Home
    ports: Ports
    backend: PostgresCluster
    certificates: Certificates
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    archived: tuple[PostgresCluster, ...] = ()
    """Clusters whose WAL goes to the backups' repository."""
    archive_seconds: float = 5.0
    sms_limits: SmsLimits = field(default_factory=SmsLimits)
    vault: PostgresCluster | None = None
    """The vault's cluster. None: tests of single parts."""

    @property
    def vault_url(self) -> str:
        """The vault's origin: what proofs name, and where the api reaches it."""
        return f"https://localhost:{self.ports.vault}"

    @property
    def api_url(self) -> str:
        """The origin that DPoP proofs name: the edge's."""
        return f"https://localhost:{self.ports.edge}"

    @property
    def keycloak_url(self) -> str:
        """The beginning of every issuer, at the edge."""
        return f"https://localhost:{self.ports.keycloak}"

    def issuer(self, realm: str) -> str:
        """A realm's issuer."""
        return issuer_of(self.ports, realm)

    def settings_file(self, service: str) -> Path:
        """A service's settings."""
        return self.home.folder / "settings" / f"{service}.toml"

    def write_settings(self) -> None:
        """Write all settings files; make the keys that they name."""
        random_key(self.home.secret("opaque-ids"), _SIV_KEY_SIZE)
        random_key(self.home.secret("media-links"), _LINK_KEY_SIZE)
        random_key(self.home.secret("channel-seal"), _SEAL_KEY_SIZE)
        random_key(self.home.secret("phone-digests"), PHONE_KEY_SIZE)
        # Numbers that citizens have proven, on their way from api and worker to the directory.
        random_key(self.home.secret("phone-seal"), PHONE_KEY_SIZE)
        # What only the directory says to the worker: the api does not have it.
        random_key(self.home.secret("recovery-seal"), PHONE_KEY_SIZE)
        random_key(self.home.backup_key, BACKUP_KEY_SIZE)
        VaultKeys(self.home).prepare()
        DemoAuthority(self.home).prepare()
        if self.vault is not None:
            write_settings(self.settings_file("vault"), self._vault(self.vault))
            write_settings(self.settings_file("vault_relay"), self._vault_relay(self.vault))
            write_settings(self.settings_file("vault_admin"), self._vault_admin(self.vault))
        for service, settings in self._settings().items():
            write_settings(self.settings_file(service), settings)

    def parts(self) -> list[Part]:
        """The services in the order of starting."""
        return [
            # First, so that it is the last to end and takes what the others wrote at their end.
            self._part("archiver", lambda: self._says_started("archiver")),
            *self._vault_parts(),
            self._part("api", self._api_is_ready),
            self._part("worker", lambda: self._says_started("worker")),
            self._part("relay", lambda: self._says_started("relay")),
            self._part("directory", lambda: self._says_started("directory")),
            self._part("edge_events", lambda: self._says_started("edge_events")),
        ]

    def _vault_parts(self) -> list[Part]:
        # Before the api, and so after it when all are stopped.
        if self.vault is None:
            return []
        return [
            self._part("vault_relay", lambda: self._says_started("vault_relay", "relay"), "relay"),
            self._part("vault", lambda: self._says_started("vault")),
        ]

    def _part(self, name: str, ready: Callable[[], bool], module: str | None = None) -> Part:
        settings = str(self.settings_file(name))
        command = [sys.executable, "-m", f"services.{module or name}", "--settings", settings]
        return Part(name, lambda: command, ready)

    def _api_is_ready(self) -> bool:
        url = f"https://localhost:{self.ports.api}/health/ready"
        return answers(url, self.certificates.authority, self.certificates.edge_client)

    def _says_started(self, name: str, module: str | None = None) -> bool:
        text = self.home.log(name).read_text(encoding="utf-8", errors="replace")
        return f'"{module or name}_started"' in text

    def _settings(self) -> dict[str, Section]:
        audit = AuditSettings(log="backend")
        return {
            "api": self._api(audit),
            "worker": WorkerSettings(
                environment="development",
                database=self.backend.settings("backend_worker"),
                audit=audit,
                operations=self._operations("worker", disks={"data": self.backend.data}),
                policies_folder=ROOT / "policies" / "backend",
                media=self._media(),
                channels=self._channels(),
                directory_queue=self._directory_queue("worker"),
                push=FcmDouble(self.home, self.ports).settings(),
                mail=self._mail(),
                phones=self._phones(),
                sms=self._sms(),
                recovery_seal_key_file=self.home.secret("recovery-seal"),
            ),
            "relay": RelaySettings(
                environment="development",
                database=self.backend.settings("backend_relay", pool_size=2),
                audit=audit,
                operations=self._operations("relay"),
                soc=self._soc(self.certificates.relay),
            ),
            "directory": DirectorySettings(
                environment="development",
                database=self.backend.settings("backend_directory", pool_size=2),
                audit=audit,
                operations=self._operations("directory"),
                keycloak_url=self.keycloak_url,
                keycloak_ca_file=self.certificates.authority,
                citizens_realm=CITIZENS,
                officials_realm=OFFICIALS,
                citizens_client=self._client("ioc-directory-events"),
                officials_client=self._client("ioc-directory-events"),
                administration=self._administration(),
            ),
            "edge_events": EdgeEventsSettings(
                environment="development",
                database=self.backend.settings("backend_edge", pool_size=1),
                operations=self._operations(
                    "edge_events", certificates={"edge": self.certificates.edge.certificate}
                ),
                refusals_file=self.home.folder / "run" / "edge" / "refused.jsonl",
                edge_pid_file=self.home.folder / "run" / "edge" / "nginx.pid",
            ),
            "archiver": ArchiverSettings(
                environment="development",
                repository_folder=self.home.repository,
                key_file=self.home.backup_key,
                programs_folder=binaries(self.backend.account),
                clusters={
                    cluster.name: ArchivedCluster(
                        database=cluster.settings(cluster.backup_role, "postgres", 1),
                        spool_folder=self.home.folder / "spool" / cluster.name,
                    )
                    for cluster in self.archived
                },
                media_folder=self.home.folder / "media",
                # By hand, with ./ioc backup: a machine for development is no place for daily copies.
                backup_hours=0,
                operations=self._operations("archiver", disks={"backups": self.home.repository}),
                configuration=[self.home.folder / name for name in CONFIGURATION],
                round_seconds=self.archive_seconds,
            ),
            "seed": self.backend.settings("backend_migrator", pool_size=1),
        }

    def _api(self, audit: AuditSettings) -> ApiSettings:
        pair = self.certificates.api
        identity = IdentitySettings(
            public_url=self.api_url,
            audience="ioc-backend",
            keycloak_ca_file=self.certificates.authority,
            citizens=RealmSettings(issuer=self.issuer(CITIZENS), clients=["ihanoi-app"], minimum_acr="aal1"),
            officials=RealmSettings(issuer=self.issuer(OFFICIALS), clients=["ioc-ipad"], minimum_acr="aal2"),
            introspection=self._client("ioc-backend"),
        )
        return ApiSettings(
            environment="development",
            listen_host="127.0.0.1",
            listen_port=self.ports.api,
            tls=TlsSettings(
                certificate_file=pair.certificate,
                key_file=pair.key,
                client_ca_file=self.certificates.callers,
            ),
            trusted_proxies=["127.0.0.1/32"],
            database=self.backend.settings("backend_app", pool_size=16),
            feed_database=self.backend.settings("backend_feed", pool_size=2),
            identity=identity,
            audit=audit,
            operations=self._operations("api", drain_seconds=2.0),
            opaque_id_key_file=self.home.secret("opaque-ids"),
            policies_folder=ROOT / "policies" / "backend",
            operations_folder=ROOT / "mobile_contract" / "operations",
            manifests_folder=ROOT / "mobile_contract" / "manifests",
            limits=self.limits,
            media=self._media(),
            channels=self._channels(),
            directory_queue=self._directory_queue("api"),
            phones=self._phones(),
            contact=contact_settings(backend_openbao(self.home, self.ports, self.certificates)),
            vault=VaultGatewaySettings(
                url=self.vault_url,
                ca_file=self.certificates.vault_authority,
                certificate_file=self.certificates.vault_client.certificate,
                key_file=self.certificates.vault_client.key,
            ),
        )

    def _vault(self, cluster: PostgresCluster) -> VaultSettings:
        pair = self.certificates.vault
        return VaultSettings(
            environment="development",
            listen_host="127.0.0.1",
            listen_port=self.ports.vault,
            tls=TlsSettings(
                certificate_file=pair.certificate,
                key_file=pair.key,
                client_ca_file=self.certificates.vault_authority,
            ),
            database=cluster.settings("vault_app", pool_size=4),
            identity=VaultIdentitySettings(
                public_url=self.vault_url,
                audience="ioc-vault",
                keycloak_ca_file=self.certificates.authority,
                officials=RealmSettings(
                    issuer=self.issuer(OFFICIALS), clients=["ioc-ipad"], minimum_acr="aal2"
                ),
                introspection=self._client("ioc-vault"),
                events=self._client("ioc-vault-events"),
            ),
            keys=VaultKeys(self.home).settings(),
            keyring=keyring_settings(vault_openbao(self.home, self.ports, self.certificates)),
            authority=VaultKeys(self.home).authority(),
            policies_folder=ROOT / "policies" / "vault",
            audit=AuditSettings(log="vault"),
            operations=self._operations("vault"),
        )

    def _vault_relay(self, cluster: PostgresCluster) -> RelaySettings:
        witness = WitnessPart(self.home, self.ports, self.certificates)
        return RelaySettings(
            environment="development",
            database=cluster.settings("vault_relay", pool_size=2),
            audit=AuditSettings(log="vault"),
            operations=self._operations("vault_relay"),
            soc=self._soc(self.certificates.vault_relay),
            checkpoints=CheckpointSettings(key_file=VaultKeys(self.home).log_key, witness=witness.settings()),
        )

    def _vault_admin(self, cluster: PostgresCluster) -> VaultAdminSettings:
        openbao = vault_openbao(self.home, self.ports, self.certificates)
        return VaultAdminSettings(
            database=cluster.settings("vault_keyring", pool_size=1),
            rotate=openbao.called_by(self.certificates.keyring_clients["rotate"], "rotate"),
            keyring=keyring_settings(openbao),
            destroy=openbao.called_by(self.certificates.keyring_clients["destroy"], "destroy"),
        )

    def _mail(self) -> MailSettings:
        double = MailDouble(self.home, self.ports, self.certificates)
        return MailSettings(
            host="localhost",
            port=self.ports.mail,
            user=WORKER_USER,
            password_file=double.worker_password_file,
            sender="khong-tra-loi@ioc.hanoi.example",
            ca_file=self.certificates.authority,
        )

    def _media(self) -> MediaSettings:
        return MediaSettings(
            folder=self.home.folder / "media",
            link_key_file=self.home.secret("media-links"),
            scanner_socket=ClamAv(self.home).socket,
        )

    def _channels(self) -> ChannelsSettings:
        # The far ends' doubles are on this machine.
        return ChannelsSettings(
            seal_key_file=self.home.secret("channel-seal"),
            private_addresses=True,
            ca_file=self.certificates.authority,
        )

    def _operations(self, service: str, **more: Any) -> OperationsSettings:
        return OperationsSettings(port=self.ports.operations(service), **more)

    def _phones(self) -> PhoneSettings:
        return PhoneSettings(
            digest_key_file=self.home.secret("phone-digests"),
            seal_key_file=self.home.secret("phone-seal"),
            limits=self.sms_limits,
        )

    def _sms(self) -> SmsSettings:
        return SmsSettings(
            url=f"https://localhost:{self.ports.sms}/messages",
            token_file=sms_token_file(self.home.folder),
            ca_file=self.certificates.authority,
        )

    def _directory_queue(self, signer: Literal["api", "worker"]) -> DirectoryQueueSettings:
        return DirectoryQueueSettings(signer=signer, key_file=self.home.secret(f"queue-{signer}.pem"))

    def _administration(self) -> AdministrationSettings:
        return AdministrationSettings(
            signers={name: SignerSettings(public_key_files=self._queue_keys(name)) for name in QUEUE_SIGNERS},
            operations_folder=ROOT / "mobile_contract" / "operations",
            public_url=self.api_url,
            audience="ioc-backend",
            officials_app=["ioc-ipad"],
            client=self._client("ioc-directory"),
            cleared_client=self._client("ioc-directory-cleared"),
            letter_redirect_uri=f"{self.api_url}/app/callback",
            phone_seal_key_file=self.home.secret("phone-seal"),
            recovery_seal_key_file=self.home.secret("recovery-seal"),
        )

    def _queue_keys(self, signer: str) -> list[Path]:
        """Public halves: of the key in use, of the one that follows, of those that were replaced."""
        current = signing_key(self.home.secret(f"queue-{signer}.pem"))
        return [
            current,
            *current.parent.glob(f"queue-{signer}.next.pub.pem"),
            *sorted(current.parent.glob(f"{current.name}.old-*")),
        ]

    def _client(self, client_id: str) -> KeycloakClientSettings:
        return KeycloakClientSettings(
            client_id=client_id, key_file=self.home.secret(f"keycloak-{client_id}.pem")
        )

    def _soc(self, pair: Pair) -> SocSettings:
        return SocSettings(
            host="127.0.0.1",
            port=self.ports.soc,
            server_name="localhost",
            ca_file=self.certificates.soc_authority,
            certificate_file=pair.certificate,
            key_file=pair.key,
        )
