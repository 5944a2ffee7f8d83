"""The development certificates name who holds them, and are renewed before they end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.verification import PolicyBuilder, Store

from deploy.local.pki import LEAF_LIFE, Pki


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(path: Path) -> x509.SubjectAlternativeName:
    return load(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_a_service_certificate_carries_its_name_in_every_form_a_peer_checks(pki: Pki) -> None:
    found = names(pki.of("billing").cert)
    assert found.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://campus/billing"]
    assert found.get_values_for_type(x509.DNSName) == ["billing", "localhost"]
    assert [str(address) for address in found.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_the_public_listener_has_no_identity_inside_the_mesh(pki: Pki) -> None:
    assert names(pki.of("localhost").cert).get_values_for_type(x509.UniformResourceIdentifier) == []


def test_the_chain_verifies_for_client_and_server(pki: Pki) -> None:
    store = Store([load(pki.ca_cert)])
    leaf = load(pki.of("gateway").cert)
    PolicyBuilder().store(store).build_server_verifier(x509.DNSName("gateway")).verify(leaf, [])
    assert PolicyBuilder().store(store).build_client_verifier().verify(leaf, []).subjects


def test_keys_are_private_and_the_signing_key_is_ed25519(pki: Pki) -> None:
    for key in pki.directory.glob("*.key"):
        assert key.stat().st_mode & 0o077 == 0
    signing = serialization.load_pem_private_key(pki.signing_key.read_bytes(), None)
    assert isinstance(signing, ed25519.Ed25519PrivateKey)


def test_nothing_changes_until_an_end_is_near_then_only_the_leaves_do(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki").ensure()
    before = {path.name: path.read_bytes() for path in pki.directory.iterdir()}
    pki.ensure()
    assert before == {path.name: path.read_bytes() for path in pki.directory.iterdir()}
    pki.ensure(datetime.now(UTC) + LEAF_LIFE - timedelta(days=1))
    after = {path.name: path.read_bytes() for path in pki.directory.iterdir()}
    kept = {name for name, content in after.items() if before[name] == content}
    assert kept == {"ca.crt", "ca.key", "signing.key", "sealing.keys"}
