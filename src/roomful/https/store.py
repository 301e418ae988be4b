"""The CA and the leaf in the data directory: made when missing, the leaf anew when addresses change or it grows old.

Called when a server starts that others can reach. Keys are mode 0600 and never logged.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from roomful.core.errors import ConfigError
from roomful.https.addresses import host_name
from roomful.https.authority import Pair, ca_permits, holds, make_ca, make_leaf, signed_by
from roomful.https.private_file import read_private, write_private

FOLDER = "https"
CA_FILE = f"{FOLDER}/ca.pem"
"""Below the data directory; holds no key."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """What a TLS listener and the page that hands out the CA need."""

    ca: bytes
    """PEM, without its key."""
    chain: Path
    """Leaf and its key, in one PEM file."""

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 and newer, HTTP/1.1 only (WebSockets)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.chain)
        return context


def certificates(data_dir: Path, names: Sequence[str], now: datetime) -> Certificates:
    """For these names and addresses. Raises ConfigError (`data_dir`)."""
    folder = data_dir / FOLDER
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        ca, fresh = _ca(folder, names, now)
        chain = folder / "leaf.pem"
        old = read_private(chain)
        if fresh or old is None or not (holds(old, now, names) and signed_by(old, ca.certificate)):
            leaf = make_leaf(ca, names, now)
            write_private(chain, leaf.certificate + leaf.key)
        return Certificates(ca.certificate, chain)
    except OSError as error:
        raise ConfigError(
            f"the data directory {data_dir} cannot be used: {error.strerror}; choose another with --data-dir",
            code="data_dir",
        ) from None


def _ca(folder: Path, names: Sequence[str], now: datetime) -> tuple[Pair, bool]:
    """The kept CA while it holds and may sign for these names; else a new one (people must then trust it anew)."""
    certificate, key = read_private(folder / "ca.pem"), read_private(folder / "ca.key")
    if certificate and key and holds(certificate, now) and ca_permits(certificate, names):
        return Pair(certificate, key), False
    extra = [name for name in names if name[0].isdigit() or ":" in name]
    ca = make_ca(host_name(), now, extra)
    write_private(folder / "ca.key", ca.key)
    write_private(folder / "ca.pem", ca.certificate)
    return ca, True
