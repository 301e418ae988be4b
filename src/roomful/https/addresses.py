"""What this machine is called on its network: the names and addresses a leaf must carry. Asks the system, sends nothing."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
import sys
from collections.abc import Iterable

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SIOCGIFADDR = 0x8915
"""Linux: an interface's IPv4 address."""


def host_name() -> str:
    """This machine's name under `.local`, as mDNS responders announce it."""
    label = socket.gethostname().partition(".")[0].lower()
    return f"{label}.local" if _LABEL.fullmatch(label) else "roomful.local"


def machine_addresses() -> list[str]:
    """IPv4 first, then IPv6 without link-local ones (browsers cannot open those); never loopback."""
    found = dict.fromkeys([*_routed(), *_interfaces()])
    usable = [one for one in found if _usable(one)]
    return sorted(usable, key=lambda one: ipaddress.ip_address(one).version)


def certified_names(bind: Iterable[str]) -> list[str]:
    """Names and addresses under which somebody may open what listens there; the first address is the one to show."""
    listened = list(bind)
    wild = {ipaddress.ip_address(one).version for one in listened if one in ("0.0.0.0", "::")}
    named = [one for one in listened if one not in ("0.0.0.0", "::")]
    named += [one for one in machine_addresses() if ipaddress.ip_address(one).version in wild]
    shown = [one.partition("%")[0] for one in named]
    return list(dict.fromkeys([*shown, host_name(), "localhost", "127.0.0.1", "::1"]))


def _usable(text: str) -> bool:
    try:
        one = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (one.is_loopback or one.is_link_local or one.is_unspecified or one.is_multicast)


def _routed() -> list[str]:
    """The address a packet to elsewhere would leave from; connecting a UDP socket sends nothing."""
    found: list[str] = []
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return found


def _interfaces() -> list[str]:
    """All interfaces' addresses where Linux tells them; elsewhere what the host's own name resolves to."""
    if not sys.platform.startswith("linux"):
        try:
            return [str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None)]
        except OSError:
            return []
    import fcntl

    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue
            found.append(socket.inet_ntoa(answer[20:24]))
    try:
        with open("/proc/net/if_inet6") as table:  # noqa: PTH123 - no file of a file system
            found += [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])) for line in table]
    except (OSError, ValueError):
        return found
    return found


def shown_address(names: Iterable[str]) -> str | None:
    """The address to tell people; None when there is none but loopback."""
    for name in names:
        try:
            if not ipaddress.ip_address(name).is_loopback:
                return name
        except ValueError:
            continue
    return None
