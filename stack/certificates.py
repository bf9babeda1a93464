"""TLS everywhere, also on one machine: authorities for servers, the SOC link, the api's callers."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack.secret_files import write_secret

RELAY_NAME = "relay.backend.ioc.internal"
VAULT_RELAY_NAME = "relay.vault.ioc.internal"
EDGE_NAME = "edge.ioc.internal"
API_NAME = "api.backend.ioc.internal"
OPENBAO_ADMINISTRATOR_NAME = "openbao-administrator.backend.ioc.internal"
KEYRING_ROLES = ("serve", "serve-restricted", "rotate", "destroy", "administrator")
"""Of the vault's OpenBao, each with a certificate of its own."""
_AUTHORITY_LIFE = timedelta(days=3650)
_LIFE = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)
_ADDRESSES = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """An authority that may name this machine and `.ioc.internal`, nothing else (RFC 5280, 4.2.1.10)."""

    folder: Path
    name: str
    common_name: str
    anew: bool = False
    """Make certificates anew, fresh or not."""

    @property
    def certificate(self) -> Path:
        """What peers trust."""
        return self.folder / f"{self.name}.pem"

    def ensure(self) -> None:
        """Make key and certificate when there are none."""
        if self.certificate.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)])
        constraints = x509.NameConstraints(
            permitted_subtrees=[
                x509.DNSName("localhost"),
                x509.DNSName("ioc.internal"),
                x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
                x509.IPAddress(ipaddress.ip_network("::1/128")),
            ],
            excluded_subtrees=None,
        )
        certificate = (
            _builder(subject, subject, key.public_key(), _AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(constraints, critical=True)
            .sign(key, hashes.SHA256())
        )
        key_file = self.folder / f"{self.name}.key"
        key_file.unlink(missing_ok=True)  # of a start that was cut off
        _write_key(key_file, key)
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str) -> Pair:
        """A server on this machine: localhost, 127.0.0.1, ::1."""
        alternatives: list[x509.GeneralName] = [x509.DNSName("localhost")]
        alternatives += [x509.IPAddress(address) for address in _ADDRESSES]
        return self._issue(name, "localhost", alternatives, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, name: str, dns_name: str) -> Pair:
        """A client that its peer knows by `dns_name`."""
        return self._issue(name, dns_name, [x509.DNSName(dns_name)], ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self, name: str, common_name: str, alternatives: list[x509.GeneralName], usage: x509.ObjectIdentifier
    ) -> Pair:
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        if _is_fresh(pair.certificate) and not self.anew:
            return pair
        issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        issuer_key = serialization.load_pem_private_key((self.folder / f"{self.name}.key").read_bytes(), None)
        if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is not an EC key")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        certificate = (
            _builder(subject, issuer.subject, key.public_key(), _LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(authority_key, critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        # Both are there before one takes its place: who reads them in between meets two that do not fit, and
        # tries again.
        drafts = Pair(pair.certificate.with_suffix(".pem.new"), pair.key.with_suffix(".key.new"))
        drafts.key.unlink(missing_ok=True)
        _write_key(drafts.key, key)
        drafts.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        drafts.key.replace(pair.key)
        drafts.certificate.replace(pair.certificate)
        return pair


@dataclass(frozen=True, slots=True)
class Certificates:
    """All of a home's."""

    authority: Path
    soc_authority: Path
    api: Pair
    keycloak: Pair
    soc: Pair
    relay: Pair
    edge: Pair
    edge_client: Pair
    mail: Pair
    sms: Pair
    channel: Pair
    """Of a channel's far end that is played on this machine."""
    callers: Path
    """The authority of those who may call the api: the edge, and who asks whether it is ready."""
    openbao: Pair
    openbao_api: Pair
    openbao_administrator: Pair
    openbao_callers: Path
    """The authority of those who may call the backend's OpenBao."""
    vault_authority: Path
    """Of the way from the api to the vault, both ends, and of nothing else."""
    vault: Pair
    vault_client: Pair
    keyring: Pair
    """The vault's OpenBao."""
    keyring_callers: Path
    """The authority of those who may call it."""
    keyring_clients: dict[str, Pair]
    """By role."""
    vault_relay: Pair
    witness_authority: Path
    """Of the way from the vault's relay to the witness, both ends, and of nothing else."""
    witness: Pair
    witness_client: Pair


def keyring_name(role: str) -> str:
    """The name in the certificate of a role at the vault's OpenBao."""
    return f"{role}.keyring.vault.ioc.internal"


def renew(folder: Path) -> Certificates:
    """Make every certificate anew, with a new key, of the authorities there are."""
    return ensure(folder, anew=True)


def ensure(folder: Path, *, anew: bool = False) -> Certificates:
    """Make what is missing, renew what ends within 30 days, or all of them."""
    servers = Authority(folder, "ca", "HaNoi IOC local CA", anew)
    soc = Authority(folder, "soc-ca", "HaNoi IOC local CA of the SOC link", anew)
    callers = Authority(folder, "callers-ca", "HaNoi IOC local CA of the api's callers", anew)
    openbao = Authority(folder, "openbao-ca", "HaNoi IOC local CA of OpenBao's callers", anew)
    vault = Authority(folder, "vault-ca", "HaNoi IOC local CA between api and vault", anew)
    keyring = Authority(
        folder, "keyring-ca", "HaNoi IOC local CA of the callers of the vault's OpenBao", anew
    )
    witness = Authority(folder, "witness-ca", "HaNoi IOC local CA of the witness", anew)
    servers.ensure()
    soc.ensure()
    callers.ensure()
    openbao.ensure()
    vault.ensure()
    keyring.ensure()
    witness.ensure()
    return Certificates(
        authority=servers.certificate,
        soc_authority=soc.certificate,
        api=servers.server("api"),
        keycloak=servers.server("keycloak"),
        soc=soc.server("soc"),
        relay=soc.client("relay", RELAY_NAME),
        edge=servers.server("edge"),
        edge_client=callers.client("edge-client", EDGE_NAME),
        mail=servers.server("mail"),
        sms=servers.server("sms"),
        channel=servers.server("channel"),
        callers=callers.certificate,
        openbao=servers.server("openbao"),
        openbao_api=openbao.client("openbao-api", API_NAME),
        openbao_administrator=openbao.client("openbao-administrator", OPENBAO_ADMINISTRATOR_NAME),
        openbao_callers=openbao.certificate,
        vault_authority=vault.certificate,
        vault=vault.server("vault"),
        vault_client=vault.client("vault-client", API_NAME),
        keyring=servers.server("openbao-vault"),
        keyring_callers=keyring.certificate,
        keyring_clients={
            role: keyring.client(f"keyring-{role}", keyring_name(role)) for role in KEYRING_ROLES
        },
        vault_relay=soc.client("vault-relay", VAULT_RELAY_NAME),
        witness_authority=witness.certificate,
        witness=witness.server("witness"),
        witness_client=witness.client("witness-client", VAULT_RELAY_NAME),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _is_fresh(certificate: Path) -> bool:
    if not certificate.exists():
        return False
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    return loaded.not_valid_after_utc > datetime.now(UTC) + _RENEW_BEFORE


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    write_secret(
        path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
