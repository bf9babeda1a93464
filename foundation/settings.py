"""Settings: frozen, typed, checked at start. One TOML file a process; secrets are paths without defaults."""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
DiskName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""Stands in metrics and events."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file. An unknown key is an error: a misspelt limit must not be silently absent."""


class DatabaseSettings(Section, frozen=True):
    """One PostgreSQL role. `host` is a socket directory here, a host name in production."""

    host: str
    port: Port
    name: str
    user: str
    password_file: Path
    pool_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8


class RealmSettings(Section, frozen=True):
    """One Keycloak realm whose tokens are accepted."""

    issuer: str
    clients: list[str]
    """`azp` values that may appear."""
    minimum_acr: Literal["aal1", "aal2"]


class KeycloakClientSettings(Section, frozen=True):
    """A confidential client that authenticates by private_key_jwt (ES256)."""

    client_id: str
    key_file: Path


class DirectoryQueueSettings(Section, frozen=True):
    """How a process asks the directory: with its own ES256 key, whose public half the directory knows."""

    signer: Literal["api", "worker"]
    key_file: Path


class IdentitySettings(Section, frozen=True):
    """Who is let in. `public_url` is the origin that DPoP proofs must name (`https://host[:port]`)."""

    public_url: str
    audience: str
    keycloak_ca_file: Path
    citizens: RealmSettings
    officials: RealmSettings
    introspection: KeycloakClientSettings
    introspection_seconds: Annotated[float, msgspec.Meta(ge=0, le=5)] = 5.0

    def __post_init__(self) -> None:
        if urlsplit(self.public_url).path:
            raise ValueError("identity.public_url is an origin, without a path")


class TlsSettings(Section, frozen=True):
    """A server's own certificate."""

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    """Only callers with a certificate of this authority are served: the edge. None: anybody."""


class OperationsSettings(Section, frozen=True):
    """Where a process answers its operators: health and metrics. On the loopback or an inner network."""

    port: Port
    host: str = "127.0.0.1"
    disks: dict[DiskName, Path] = {}
    """Folders whose disks this process watches, by name; its own media folder it watches anyway."""
    disk_free_ratio: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.1
    """Less free than this is an alarm."""
    certificates: dict[DiskName, Path] = {}
    """Certificates (PEM) of others whose end this process watches; its own it watches anyway."""
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0
    """How long a process that is told to stop still takes work and says that it is not ready: as long as it
    takes whoever hands out work to notice."""


class TracingSettings(Section, frozen=True):
    """Where traces are sent (OTLP over HTTP, Protobuf). Without these settings none are made."""

    endpoint: str
    """The collector's URL with its path, `https://…/v1/traces`; http only on this machine."""
    ca_file: Path | None = None
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    """The share of requests that is traced."""

    def __post_init__(self) -> None:
        url = urlsplit(self.endpoint)
        if url.username or url.password or url.query:
            raise ValueError("tracing.endpoint holds no credentials")
        if url.scheme != "https" and (url.scheme, url.hostname) != ("http", "127.0.0.1"):
            raise ValueError("tracing.endpoint is https, or http on 127.0.0.1")


class AuditSettings(Section, frozen=True):
    """The log's origin: `ioc.hanoi.gov.vn/log/<backend|vault>/<epoch>`."""

    log: Literal["backend", "vault"]


class Rate(Section, frozen=True):
    """`amount` at once; each comes back after `seconds / amount`."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class OperationRate(Section, frozen=True):
    """Of one root field or trusted document ("sha256:…"). Strangers are counted by network."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    who: Literal["anonymous", "citizen", "official", "anyone"] = "anyone"
    refused_only: bool = False
    """What was answered without a refusal is given back: this counts wrong guesses."""

    @property
    def rate(self) -> Rate:
        """How often."""
        return Rate(amount=self.amount, seconds=self.seconds)


OPERATIONS = {
    # Nobody reports ten problems an hour for long; each costs an officer's time.
    "submitReport": OperationRate(amount=10, seconds=3_600, who="citizen"),
    # Who looks around before a report looks a few times; who probes where reports lie is stopped.
    "nearReports": OperationRate(amount=30, seconds=3_600, who="citizen"),
    "followReport": OperationRate(amount=30, seconds=3_600, who="citizen"),
    # A code has 80 bits. Who guesses is stopped long before; who follows his own reports is not counted.
    "trackReport": OperationRate(amount=10, seconds=60, who="anonymous", refused_only=True),
    # Opened one by one, for a purpose each: sixty in a day is more than one person calls back.
    "openContact": OperationRate(amount=60, seconds=86_400, who="official"),
    # Ten files for each of six reports; reading a photo costs a second of a core.
    "uploadMedia": OperationRate(amount=60, seconds=3_600, who="anyone"),
    # A leader reads through a list of files; each call costs the vault a millisecond of a core.
    "vaultCall": OperationRate(amount=120, seconds=60, who="official"),
}


class LimitsSettings(Section, frozen=True):
    """How often. A network is a /24 or /48; thousands share one behind a mobile carrier's translation."""

    anonymous: Rate = Rate(amount=60, seconds=60)
    """Requests without credentials, per network."""
    sign_in: Rate = Rate(amount=120, seconds=60)
    """Credentials that were refused, per network; then only devices that signed in before are heard."""
    person: Rate = Rate(amount=300, seconds=60)
    """All requests of a person."""
    operations: dict[str, OperationRate] = {}
    """Added to OPERATIONS, or in place of one of them."""

    def of_operations(self) -> dict[str, OperationRate]:
        """All limits of single operations."""
        return {**OPERATIONS, **self.operations}


class S3Settings(Section, frozen=True):
    """A bucket of an S3-compatible store."""

    bucket: str
    region: str
    endpoint: str
    """The store's URL: https, or http on 127.0.0.1."""
    access_key_file: Path
    secret_key_file: Path

    def __post_init__(self) -> None:
        url = urlsplit(self.endpoint)
        if url.scheme != "https" and not self.is_on_this_machine:
            raise ValueError("media.s3.endpoint is https, or http on 127.0.0.1")

    @property
    def is_on_this_machine(self) -> bool:
        """Whether nothing goes over a network, so that plain HTTP will do."""
        url = urlsplit(self.endpoint)
        return (url.scheme, url.hostname) == ("http", "127.0.0.1")


class MediaSettings(Section, frozen=True):
    """Files of reports. Exactly one of `folder` and `s3` says where they lie."""

    link_key_file: Path
    """32 bytes or more: signs links to single objects."""
    folder: Path | None = None
    s3: S3Settings | None = None
    scanner_socket: Path | None = None
    """clamd's unix socket."""
    scan_required: bool = True
    """What can't be scanned is refused; production takes no other value."""
    idle_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 15.0
    """The longest silence within an upload."""
    upload_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 180.0

    def __post_init__(self) -> None:
        if (self.folder is None) == (self.s3 is None):
            raise ValueError("media needs exactly one of folder and s3")
        if self.scan_required and self.scanner_socket is None:
            raise ValueError("media.scan_required needs media.scanner_socket")


Version = Annotated[str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}$")]
"""`1.2.3`, compared number by number."""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


class AppSettings(Section, frozen=True):
    """Versions of one app. Below `minimum` it is refused; below `recommended` it asks for an update."""

    minimum: Version
    recommended: Version
    store: Annotated[str, msgspec.Meta(pattern=r"^https://[!-~]{4,200}$")]
    """Where the update is."""

    def __post_init__(self) -> None:
        if _numbers(self.minimum) > _numbers(self.recommended):
            raise ValueError("apps: minimum is above recommended")


APPS = {
    "ihanoi-app": AppSettings(
        minimum="1.0.0", recommended="1.0.0", store="https://ihanoi.hanoi.gov.vn/ung-dung"
    ),
    "ioc-ipad": AppSettings(minimum="1.0.0", recommended="1.0.0", store="https://ioc.hanoi.gov.vn/ung-dung"),
}


class AppsSettings(Section, frozen=True):
    """Apps that are served (header `Ioc-App`), by the name of their client in Keycloak."""

    required: bool | None = None
    """Whether whoever is signed in must name the app. None: in production."""
    versions: dict[str, AppSettings] = msgspec.field(default_factory=lambda: dict(APPS))


class VaultGatewaySettings(Section, frozen=True):
    """How the api reaches the vault: by mutual TLS with an authority for that alone."""

    url: str
    """The vault's origin."""
    ca_file: Path
    certificate_file: Path
    key_file: Path
    seconds: Annotated[float, msgspec.Meta(gt=0, le=9)] = 8.0
    """For a call, all in all: less than the execution of a document has."""

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        if url.scheme != "https" or url.path:
            raise ValueError("vault.url is an https origin, without a path")


class SmsLimits(Section, frozen=True):
    """Messages with codes; each costs money, and whoever owns a costly number earns by it."""

    spacing_seconds: Annotated[int, msgspec.Meta(ge=1, le=600)] = 60
    """Between two to one number, and between two of one person."""
    number: Rate = Rate(amount=5, seconds=3_600)
    person: Rate = Rate(amount=8, seconds=86_400)
    network: Rate = Rate(amount=60, seconds=3_600)
    """Thousands share a network behind a mobile carrier's translation."""
    everybody: Rate = Rate(amount=3_000, seconds=3_600)
    """The city's own bound: what thousands of accounts can cost."""


class PhoneSettings(Section, frozen=True):
    """Citizens' phone numbers (docs/decisions/0026-phone-numbers.md)."""

    digest_key_file: Path
    """32 bytes or more: HMAC of numbers and codes. With another key no number is known any more."""
    seal_key_file: Path
    """32 bytes: numbers and texts that wait to be sent."""
    code_seconds: Annotated[int, msgspec.Meta(ge=30, le=900)] = 300
    notice_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 14
    """How long an account keeps a number that another has proven."""
    deletion_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 30
    """How long a deletion can be taken back."""
    limits: SmsLimits = SmsLimits()


class SmsSettings(Section, frozen=True):
    """The SMS gateway's HTTP interface."""

    url: str
    token_file: Path
    ca_file: Path | None = None
    """Whose certificates are trusted. None: those of the system."""
    sender: str = "iHaNoi"


class ChannelsSettings(Section, frozen=True):
    """Channels that hand in reports (docs/decisions/0034-channels.md)."""

    seal_key_file: Path
    """32 bytes: their secrets lie sealed under it in the database."""
    pool_size: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    """Connections of a process for their messages, beside those of everybody else."""
    private_addresses: bool = False
    """Whether status changes may go to addresses of this machine and its networks: never in production."""
    ca_file: Path | None = None
    """Authority of the far ends' certificates, where it is no public one. Never in production."""


class PushSettings(Section, frozen=True):
    """Google's Firebase Cloud Messaging."""

    account_file: Path
    """The service account's key (JSON), as Google hands it out. A secret."""
    url: str | None = None
    """Another server that speaks FCM HTTP v1; production takes none."""
    seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    """The longest silence."""
    claim_seconds: Annotated[int, msgspec.Meta(ge=5, le=600)] = 180
    """How long a worker has what it is sending to itself: longer than 500 messages can take."""


class MailSettings(Section, frozen=True):
    """The mail server that takes our letters: STARTTLS and a password."""

    host: str
    port: Port
    user: str
    password_file: Path
    sender: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$")]
    ca_file: Path | None = None
    seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0


class OpenBaoSettings(Section, frozen=True):
    """How a process calls an OpenBao, as one role of it."""

    url: Annotated[str, msgspec.Meta(pattern=r"^https://[!-~]{4,200}$")]
    ca_file: Path
    certificate_file: Path
    """Who we are: a certificate of the authority that signs for this OpenBao's callers alone."""
    key_file: Path
    role: str
    seconds: Annotated[float, msgspec.Meta(gt=0, le=30)] = 2.0
    """The longest silence."""


class ContactSettings(OpenBaoSettings, frozen=True):
    """The backend's OpenBao, which seals people's contacts (docs/decisions/0039-contact.md)."""

    role: str = "api"
    key: str = "contact"


class ApiSettings(Section, frozen=True):
    """services/api.py."""

    environment: Literal["development", "production"]
    listen_host: str
    listen_port: Port
    tls: TlsSettings
    database: DatabaseSettings
    feed_database: DatabaseSettings
    """The role of the process's one reader of changes."""
    identity: IdentitySettings
    audit: AuditSettings
    opaque_id_key_file: Path
    """64 bytes for AES-SIV: global ids and cursors."""
    policies_folder: Path
    operations_folder: Path
    """Trusted documents (*.graphql) of the next versions of the apps; not in production."""
    manifests_folder: Path | None = None
    """Manifests (*.json) of the app versions in the field: production needs them, and runs nothing else."""
    apps: AppsSettings = AppsSettings()
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    trusted_proxies: list[str] = []
    city_networks: list[str] = []
    """Networks of the city's own offices."""
    policy_sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    """Share of the lists whose rows are decided again; 1 in tests."""
    limits: LimitsSettings = LimitsSettings()
    media: MediaSettings | None = None
    """None: this process neither takes nor hands out files."""
    phones: PhoneSettings | None = None
    """None: keys of the process's own, which end with it. Production takes files alone."""
    channels: ChannelsSettings | None = None
    """None: this process takes nothing from channels."""
    contact: ContactSettings | None = None
    """None: no contact is taken or opened here. Production has one."""
    directory_queue: DirectoryQueueSettings | None = None
    """None: this process asks nothing of the directory."""
    vault: VaultGatewaySettings | None = None
    """None: this process passes nothing on to the vault."""
    operations: OperationsSettings | None = None
    tracing: TracingSettings | None = None

    def __post_init__(self) -> None:
        for network in (*self.trusted_proxies, *self.city_networks):
            ipaddress.ip_network(network)
        if self.environment == "production" and self.manifests_folder is None:
            raise ValueError("production runs documents of manifests alone: manifests_folder")
        if self.environment == "production" and self.media is not None and not self.media.scan_required:
            raise ValueError("production takes no file that was not scanned: media.scan_required")
        if self.environment == "production" and self.phones is None:
            raise ValueError("production needs the keys of phone numbers: phones")
        if self.environment == "production" and self.contact is None:
            raise ValueError("production needs what seals contacts: contact")
        check_channels(self.environment, self.channels)


class WorkerSettings(Section, frozen=True):
    """services/worker.py."""

    environment: Literal["development", "production"]
    database: DatabaseSettings
    audit: AuditSettings
    policies_folder: Path
    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 0.5
    stalled_after_seconds: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 30
    media: MediaSettings | None = None
    """As the api's: orphans are swept."""
    phones: PhoneSettings | None = None
    """As the api's. None: nothing of citizens' accounts is done here."""
    sms: SmsSettings | None = None
    recovery_seal_key_file: Path | None = None
    """32 bytes, as the directory's, and not the api's: results of recoveries. Needed with `sms`."""
    channels: ChannelsSettings | None = None
    """As the api's. None: status changes wait."""
    push: PushSettings | None = None
    """None: nothing is pushed; notices stand in the inbox, and other ways are taken as people wish."""
    mail: MailSettings | None = None

    def __post_init__(self) -> None:
        check_channels(self.environment, self.channels)
        if self.environment == "production" and self.push is not None and self.push.url is not None:
            raise ValueError("production pushes to Google alone: push.url")
        if self.sms is None:
            return
        if self.recovery_seal_key_file is None:
            raise ValueError("who sends messages hands out recoveries: recovery_seal_key_file")
        if self.environment == "production" and not self.sms.url.startswith("https://"):
            raise ValueError("production sends numbers by TLS alone: sms.url")

    directory_queue: DirectoryQueueSettings | None = None
    """None: this process asks nothing of the directory."""
    operations: OperationsSettings | None = None
    tracing: TracingSettings | None = None


class EdgeEventsSettings(Section, frozen=True):
    """services/edge_events.py: counts what the edge refused."""

    environment: Literal["development", "production"]
    database: DatabaseSettings
    refusals_file: Path
    """What the edge writes, one JSON object a refusal."""
    edge_pid_file: Path
    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0
    operations: OperationsSettings | None = None
    tracing: TracingSettings | None = None


class SocSettings(Section, frozen=True):
    """The SOC's RELP receiver, by mutual TLS."""

    host: str
    port: Port
    server_name: str
    ca_file: Path
    certificate_file: Path
    key_file: Path
    window: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 128


class WitnessSettings(Section, frozen=True):
    """Who cosigns a log's checkpoints, by mutual TLS."""

    url: str
    """Its submission prefix: `add-checkpoint` lies below it."""
    name: str
    public_key_file: Path
    """Ed25519 (PEM): what its cosignatures are checked with."""
    ca_file: Path
    certificate_file: Path
    key_file: Path


class CheckpointSettings(Section, frozen=True):
    """The log's tree: who signs it and who cosigns it (audit/notary.py)."""

    key_file: Path
    """Ed25519 (PEM): signs the checkpoints."""
    witness: WitnessSettings
    interval_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0
    """While lines come, a checkpoint so often."""


class RelaySettings(Section, frozen=True):
    """services/relay.py: one per log."""

    environment: Literal["development", "production"]
    database: DatabaseSettings
    audit: AuditSettings
    soc: SocSettings
    checkpoints: CheckpointSettings | None = None
    """The vault's log has them; the backend's not yet."""
    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 0.25
    operations: OperationsSettings | None = None
    tracing: TracingSettings | None = None

    def __post_init__(self) -> None:
        if self.audit.log == "vault" and self.checkpoints is None:
            raise ValueError("the vault's log is signed and cosigned: checkpoints")


class SignerSettings(Section, frozen=True):
    """Public halves (PEM) of the keys of one asking process; two while one is being replaced."""

    public_key_files: list[Path]


class AdministrationSettings(Section, frozen=True):
    """Administering Keycloak for api and worker (docs/decisions/0025)."""

    signers: dict[Literal["api", "worker"], SignerSettings]
    operations_folder: Path
    """The contract's documents: an officer's word counts only as one of these."""
    public_url: str
    """The origin that officers' proofs name."""
    audience: str
    officials_app: list[str]
    """`azp` values of officers' tokens."""
    client: KeycloakClientSettings
    """Administers everybody but the cleared."""
    cleared_client: KeycloakClientSettings
    """Disables and signs out the cleared; nothing else is done with it."""
    letter_redirect_uri: str
    """Where the links in Keycloak's letters to officials end: an address of the first app above."""
    phone_seal_key_file: Path | None = None
    """As the api's: proven numbers wait sealed. None: none can be noted at Keycloak."""
    recovery_seal_key_file: Path | None = None
    """32 bytes, the worker's too and not the api's: results. None: neither numbers nor recoveries."""
    phone_notice_days: Annotated[int, msgspec.Meta(ge=1, le=60)] = 14
    """How long a number must have been noted before it recovers an account; as the api's `notice_days`."""
    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 0.5
    alarm_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0


class DirectorySettings(Section, frozen=True):
    """services/directory.py: polls Keycloak's events, and is its only administrator."""

    environment: Literal["development", "production"]
    database: DatabaseSettings
    audit: AuditSettings
    keycloak_url: str
    keycloak_ca_file: Path
    citizens_realm: str
    officials_realm: str
    citizens_client: KeycloakClientSettings
    officials_client: KeycloakClientSettings
    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0
    administration: AdministrationSettings | None = None
    """None: this process only follows events."""
    operations: OperationsSettings | None = None
    tracing: TracingSettings | None = None


class VaultIdentitySettings(Section, frozen=True):
    """Who is let in to the vault: officials alone, by a path to Keycloak of its own."""

    public_url: str
    """The vault's origin as proofs name it, `https://host[:port]`; the api may reach it by another."""
    audience: str
    keycloak_ca_file: Path
    officials: RealmSettings
    introspection: KeycloakClientSettings
    events: KeycloakClientSettings
    """A client whose only role is `view-events`: who reads them may do nothing else."""
    introspection_seconds: Annotated[float, msgspec.Meta(ge=0, le=5)] = 5.0
    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=5)] = 2.0
    """Between two readings of Keycloak's events; after 10 s without one `party`, `restricted` are refused."""

    def __post_init__(self) -> None:
        if urlsplit(self.public_url).path:
            raise ValueError("identity.public_url is an origin, without a path")
        if self.officials.minimum_acr == "aal1":
            raise ValueError("nobody enters the vault by a password alone: identity.officials.minimum_acr")


class VaultKeysSettings(Section, frozen=True):
    """Keys of the call. The two roots, that signed the certificate, are kept offline."""

    nonce_key_file: Path
    """32 bytes or more."""
    keyset_key_file: Path
    """Ed25519 (PEM): signs the daily keyset."""
    certificate_file: Path
    """The keyset key's certificate: a note that both roots signed."""


class KeyringSettings(Section, frozen=True):
    """The vault's own OpenBao, by two roles (docs/decisions/0052-keyring.md)."""

    serve: OpenBaoSettings
    """Keys of the classes but `restricted`, of request keys' seeds and of small secrets."""
    restricted: OpenBaoSettings
    """The class `restricted`: another certificate, so another token."""

    def __post_init__(self) -> None:
        if self.serve.certificate_file == self.restricted.certificate_file:
            raise ValueError("`restricted` has a certificate of its own: keyring.restricted.certificate_file")


DAY_SECONDS = 86_400


class AuthoritySettings(Section, frozen=True):
    """The register of authority (docs/decisions/0055-authority.md)."""

    roots_file: Path
    """The two offline roots' public keys: {"roots": [hex, hex]}."""
    genesis_file: Path
    """The genesis as both roots signed it. Until it is there nobody may do anything."""
    device_wait_seconds: Annotated[int, msgspec.Meta(ge=0, le=30 * DAY_SECONDS)] = DAY_SECONDS
    """How long a new device waits before it opens `party` and `restricted`, or approves.

    Production: a day at least.
    """


class VaultSettings(Section, frozen=True):
    """services/vault.py."""

    environment: Literal["development", "production"]
    listen_host: str
    listen_port: Port
    tls: TlsSettings
    database: DatabaseSettings
    identity: VaultIdentitySettings
    keys: VaultKeysSettings
    keyring: KeyringSettings
    audit: AuditSettings
    authority: AuthoritySettings
    policies_folder: Path
    operations: OperationsSettings | None = None
    tracing: TracingSettings | None = None

    def __post_init__(self) -> None:
        if self.tls.client_ca_file is None:
            raise ValueError("the vault serves callers with a certificate alone: tls.client_ca_file")
        if self.environment == "production" and self.authority.device_wait_seconds < DAY_SECONDS:
            raise ValueError("a new device waits a day in production: authority.device_wait_seconds")
        if self.audit.log != "vault":
            raise ValueError("the vault writes its own log: audit.log")


class VaultAdminSettings(Section, frozen=True):
    """vault/admin.py: what operators do to the vault's keys, in a process that serves nobody."""

    database: DatabaseSettings
    """As the role vault_keyring."""
    rotate: OpenBaoSettings
    """`seconds` is for connecting alone: a new version is written to the disk before it is answered."""
    keyring: KeyringSettings | None = None
    """To move data keys to newer epochs. None: not from here."""
    destroy: OpenBaoSettings | None = None
    """To destroy. None: not from here; its certificate lies offline."""


class ArchivedCluster(Section, frozen=True):
    """A cluster whose WAL is archived, as its role for replication."""

    database: DatabaseSettings
    spool_folder: Path
    """This machine's: WAL as it comes, unsealed, until it is sealed in the repository."""


class ArchiverSettings(Section, frozen=True):
    """services/archiver.py: WAL, media and configuration go to the repository of backups, sealed."""

    environment: Literal["development", "production"]
    repository_folder: Path
    key_file: Path
    """32 bytes, outside the repository. Those of before only open: `<key_file>.old-*` beside it."""
    programs_folder: Path
    """Where pg_receivewal lies."""
    clusters: dict[str, ArchivedCluster]
    media_folder: Path | None = None
    media_elsewhere: bool = False
    """Media lie in an object store that keeps copies and versions of its own: nothing here archives them."""
    configuration: list[Path] = []
    """Files and folders that are copied whole whenever one changed: secrets, certificates."""
    round_seconds: Annotated[float, msgspec.Meta(gt=0, le=300)] = 5.0
    """At most so much is lost with the machine."""
    backup_hours: Annotated[float, msgspec.Meta(ge=0, le=168)] = 24.0
    """A backup is taken when the newest is so old. 0: by hand alone."""
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=35)] = 35
    """How long backups live: the keys of pseudonyms are in them, and end with them (design.md, section 8)."""
    operations: OperationsSettings | None = None
    tracing: TracingSettings | None = None

    def __post_init__(self) -> None:
        if (self.media_folder is None) != self.media_elsewhere:
            raise ValueError("media are archived from media_folder, or kept by their store: media_elsewhere")


def check_channels(environment: str, channels: ChannelsSettings | None) -> None:
    """Raise ValueError for what lets an address inside be called by somebody's choice in production."""
    if environment == "production" and channels is not None:
        if channels.private_addresses:
            raise ValueError("production calls no private address: channels.private_addresses")
        if channels.ca_file is not None:
            raise ValueError("production trusts public authorities alone: channels.ca_file")


S = TypeVar("S", bound=Section)


def load(path: Path, kind: type[S]) -> S:
    """Read and check a settings file. Raises msgspec.ValidationError naming the key that is wrong."""
    with path.open("rb") as file:
        return msgspec.convert(tomllib.load(file), kind, strict=True, dec_hook=_to_path)


def read_secret(path: Path) -> bytes:
    """A secret's bytes, trailing line end removed. Raises OSError, never returns an empty secret."""
    octets = path.read_bytes().rstrip(b"\n")
    if not octets:
        raise ValueError(f"the secret file {path} is empty")
    return octets


def _to_path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
