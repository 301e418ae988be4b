"""Certificates that TLS itself takes, limited by name, kept privately and renewed in time."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roomful.core.errors import ConfigError
from roomful.https.addresses import certified_names, host_name, machine_addresses, shown_address
from roomful.https.authority import ca_permits, der_of, fingerprint, holds, make_ca, make_leaf, signed_by
from roomful.https.store import CA_FILE, certificates

NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = ["192.168.1.9", "fd00::9", "box.local", "localhost", "127.0.0.1", "::1"]


async def _handshake(folder: Path, names: list[str], host: str) -> None:
    made = certificates(folder, names, NOW)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=made.context())
    async with server:
        port = server.sockets[0].getsockname()[1]
        trusting = ssl.create_default_context(cadata=made.ca.decode())
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
        await reader.read()
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.9", "localhost", "box.local", "fd00::9"])
def test_tls_takes_the_chain_for_every_name(tmp_path: Path, host: str) -> None:
    asyncio.run(_handshake(tmp_path, NAMES, host))


def test_tls_refuses_a_leaf_outside_the_constraints(tmp_path: Path) -> None:
    certificates(tmp_path, NAMES, NOW)
    folder = tmp_path / "https"
    ca = make_ca("box.local", NOW)
    leaf = make_leaf(ca, ["bank.example", "127.0.0.1"], NOW)
    (folder / "leaf.pem").write_bytes(leaf.certificate + leaf.key)

    async def connect() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "leaf.pem")
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            trusting = ssl.create_default_context(cadata=ca.certificate.decode())
            with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
                await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="bank.example")

    asyncio.run(connect())


def test_constraints_cover_private_networks_and_this_machine_only() -> None:
    ca = make_ca("box.local", NOW, ["198.51.100.7"]).certificate
    assert ca_permits(ca, [*NAMES, "10.1.2.3", "198.51.100.7", "other.local"])
    for foreign in ("198.51.100.8", "8.8.8.8", "example.com", "2001:db8::1", "evillocal"):
        assert not ca_permits(ca, [foreign]), foreign


def test_files_are_private_and_kept(tmp_path: Path) -> None:
    first = certificates(tmp_path / "d", NAMES, NOW)
    leaf = first.chain.read_bytes()
    for file in (tmp_path / "d" / "https").iterdir():
        assert file.stat().st_mode & 0o077 == 0
    again = certificates(tmp_path / "d", NAMES, NOW + timedelta(days=1))
    assert again.ca == first.ca and again.chain.read_bytes() == leaf
    assert (tmp_path / "d" / CA_FILE).read_bytes() == first.ca
    assert b"PRIVATE" not in first.ca


def test_the_leaf_is_renewed_and_the_ca_stays(tmp_path: Path) -> None:
    first = certificates(tmp_path, NAMES, NOW)
    leaf = first.chain.read_bytes()
    moved = certificates(tmp_path, [*NAMES, "10.0.0.5"], NOW)
    assert moved.ca == first.ca and moved.chain.read_bytes() != leaf
    assert holds(moved.chain.read_bytes(), NOW, ["10.0.0.5"])
    later = NOW + timedelta(days=380)
    old = moved.chain.read_bytes()
    renewed = certificates(tmp_path, NAMES, later)
    assert renewed.ca == first.ca and renewed.chain.read_bytes() != old
    assert holds(renewed.chain.read_bytes(), later, NAMES)


def test_a_new_public_address_needs_a_new_ca(tmp_path: Path) -> None:
    first = certificates(tmp_path, NAMES, NOW)
    moved = certificates(tmp_path, [*NAMES, "198.51.100.7"], NOW)
    assert moved.ca != first.ca
    assert signed_by(moved.chain.read_bytes(), moved.ca) and not signed_by(moved.chain.read_bytes(), first.ca)


@pytest.mark.parametrize(
    "broken", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_damaged_files_are_made_anew(tmp_path: Path, broken: bytes) -> None:
    certificates(tmp_path, NAMES, NOW)
    for name in ("ca.pem", "leaf.pem"):
        (tmp_path / "https" / name).write_bytes(broken)
    made = certificates(tmp_path, NAMES, NOW)
    assert signed_by(made.chain.read_bytes(), made.ca)


def test_an_unusable_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--data-dir"):
        certificates(tmp_path / "file", NAMES, NOW)


def test_names_of_this_machine() -> None:
    assert host_name().endswith(".local")
    names = certified_names(["0.0.0.0"])
    assert {"localhost", "127.0.0.1", host_name()} <= set(names)
    assert certified_names(["192.168.1.9"])[0] == "192.168.1.9"
    assert shown_address(["box.local", "127.0.0.1", "10.0.0.1"]) == "10.0.0.1"
    assert shown_address(["box.local", "::1"]) is None
    assert not any(one.startswith("127.") or one == "::1" for one in machine_addresses())


def test_what_people_compare_is_sha256() -> None:
    ca = make_ca("box.local", NOW).certificate
    assert len(fingerprint(ca)) == 95
    assert der_of(ca)[0] == 0x30
