"""Certificates: an own CA, constrained by name to one machine, and leaves for its addresses. Pure: time is an argument.

Called by `https.store`. The CA's name constraints (RFC 5280 §4.2.1.10) limit what its key can be misused for: `.local`
names, `localhost`, and private and link-local addresses, which never name a site of the public web.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3_650
LEAF_DAYS = 397
"""Browsers refuse longer ones of installed CAs too (Apple: 825, others 398)."""
RENEW_DAYS = 30
_EARLIER = timedelta(days=1)
"""Phones' clocks may be late."""
NETWORKS = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
    "fc00::/7", "fe80::/10", "::1/128",
)  # fmt: skip
"""RFC 1918, 6598, 3927, 4193, 4291: addresses that mean something on one network only."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


def make_ca(host: str, now: datetime, extra: Iterable[str] = ()) -> Pair:
    """`extra` holds this machine's addresses that are not private: they alone are permitted beside the networks."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Roomful"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Roomful on {host}"[:64]),
        ]
    )
    permitted: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName("local"), x509.DNSName(host)]
    for network in dict.fromkeys([*NETWORKS, *(one for one in extra if not permits(NETWORKS, one))]):
        permitted.append(x509.IPAddress(ipaddress.ip_network(network)))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def make_leaf(ca: Pair, names: Iterable[str], now: datetime) -> Pair:
    """For exactly these host names and addresses."""
    authority = x509.load_pem_x509_certificate(ca.certificate)
    signer = serialization.load_pem_private_key(ca.key, None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError("the CA's key is not one of ours")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Roomful")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(min(now + timedelta(days=LEAF_DAYS), authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return _pair(certificate, key)


def permits(networks: Iterable[str], address: str) -> bool:
    """Whether an address lies in one of the networks."""
    one = ipaddress.ip_address(address)
    return any(one in ipaddress.ip_network(network) for network in networks)


def ca_permits(certificate: bytes, names: Iterable[str]) -> bool:
    """Whether a CA may sign for all of these."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        allowed = found.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except (ValueError, x509.ExtensionNotFound):
        return False
    hosts = [one.value for one in allowed if isinstance(one, x509.DNSName)]
    networks = [str(one.value) for one in allowed if isinstance(one, x509.IPAddress)]
    for name in names:
        general = _general(name)
        if isinstance(general, x509.IPAddress):
            if not permits(networks, name):
                return False
        elif not any(name == host or name.endswith(f".{host}") for host in hosts):
            return False
    return True


def holds(certificate: bytes, now: datetime, names: Iterable[str] = ()) -> bool:
    """Whether a certificate is good for a while yet, and names all of these."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        return False
    if not found.not_valid_before_utc <= now < found.not_valid_after_utc - timedelta(days=RENEW_DAYS):
        return False
    wanted = {_general(name) for name in names}
    if not wanted:
        return True
    try:
        said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return wanted <= set(said)


def signed_by(leaf: bytes, ca: bytes) -> bool:
    """Whether this CA made this leaf."""
    try:
        x509.load_pem_x509_certificate(leaf).verify_directly_issued_by(x509.load_pem_x509_certificate(ca))
    except Exception:  # noqa: BLE001 - InvalidSignature, ValueError, TypeError: each means no
        return False
    return True


def fingerprint(certificate: bytes) -> str:
    """SHA-256 with colons, as systems show it when they ask for trust."""
    digest = x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def der_of(certificate: bytes) -> bytes:
    """What Android and iOS want to be handed."""
    return x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
