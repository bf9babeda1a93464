"""The local authorities sign for this machine only; the SOC's link has one of its own."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from stack import certificates
from stack.certificates import RELAY_NAME, Authority, Certificates


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.ensure(tmp_path_factory.mktemp("tls"))


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _verify_server(authority: Path, certificate: Path, name: x509.GeneralName) -> None:
    store = Store([_load(authority)])
    assert isinstance(name, x509.DNSName | x509.IPAddress)
    PolicyBuilder().store(store).build_server_verifier(name).verify(_load(certificate), [])


@pytest.mark.parametrize("name", ["api", "keycloak"])
def test_server_is_trusted_as_localhost(made: Certificates, name: str) -> None:
    _verify_server(made.authority, getattr(made, name).certificate, x509.DNSName("localhost"))


def test_server_is_refused_under_another_name(made: Certificates) -> None:
    with pytest.raises(VerificationError):
        _verify_server(made.authority, made.api.certificate, x509.DNSName("ioc.hanoi.gov.vn"))


def test_relay_is_trusted_as_a_client_by_the_soc(made: Certificates) -> None:
    store = Store([_load(made.soc_authority)])
    verified = PolicyBuilder().store(store).build_client_verifier().verify(_load(made.relay.certificate), [])
    assert verified.subjects == [x509.DNSName(RELAY_NAME)]


def test_relay_is_refused_by_the_servers_authority(made: Certificates) -> None:
    verifier = PolicyBuilder().store(Store([_load(made.authority)])).build_client_verifier()
    with pytest.raises(VerificationError):
        verifier.verify(_load(made.relay.certificate), [])


def test_server_certificate_is_refused_as_the_socs_client(made: Certificates) -> None:
    verifier = PolicyBuilder().store(Store([_load(made.soc_authority)])).build_client_verifier()
    with pytest.raises(VerificationError):
        verifier.verify(_load(made.soc.certificate), [])


def test_name_outside_this_machine_is_refused_although_the_authority_signed_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca", "test")
    authority.ensure()
    pair = authority.client("stolen", "ioc.hanoi.gov.vn")
    verifier = PolicyBuilder().store(Store([_load(authority.certificate)])).build_client_verifier()
    with pytest.raises(VerificationError):
        verifier.verify(_load(pair.certificate), [])


def test_keys_are_the_owners_only(made: Certificates) -> None:
    folder = made.authority.parent
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {0o600}


def test_second_call_keeps_what_is_fresh(made: Certificates) -> None:
    before = made.api.certificate.read_bytes()
    assert certificates.ensure(made.authority.parent).api.certificate.read_bytes() == before


def test_certificate_is_renewed_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_LIFE", datetime.timedelta(days=29))
    before = _load(certificates.ensure(tmp_path).api.certificate)
    monkeypatch.undo()
    after = _load(certificates.ensure(tmp_path).api.certificate)
    assert after.not_valid_after_utc - before.not_valid_after_utc > datetime.timedelta(days=300)
    assert after.public_key() != before.public_key()
