"""`roomful doctor`: what is set and by whom, which ports are free, what others can reach, what is installed.

Looks and changes nothing but a probe file in the data directory. Exit status 1 when something would keep
`roomful serve` from working.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import ipaddress
import os
import platform
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from roomful import __version__
from roomful.cli.arguments import Commands, add_settings, command, settings_of
from roomful.config.holders import holder
from roomful.config.load import Loaded
from roomful.config.options import OPTIONS
from roomful.config.settings import Settings, is_loopback
from roomful.config.shown import NONE, shown

_EXAMPLES = """\
  roomful doctor                          as `roomful serve` would start
  roomful doctor --dev --port 8000        as it would start with these
  roomful doctor --config livekit.yaml    what the file you have means here
  roomful doctor --stun stun.example.org  and the public address, as that server sees it
"""
GOOD, ODD, BAD = "ok", "note", "PROBLEM"


@dataclass(frozen=True, slots=True)
class Finding:
    state: str
    text: str


def add(commands: Commands) -> None:
    parser = command(
        commands, "doctor", "tell what is set, what is free, what is missing and who can reach it", _EXAMPLES
    )
    add_settings(parser)
    parser.add_argument(
        "--stun", metavar="HOST[:PORT]", help="ask this STUN server which address this machine has outside; else nobody"
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    loaded = settings_of(chosen)
    print(_versions())
    print("\nSettings (and who set them)")
    for line in effective(loaded):
        print(f"  {line}")
    bad = False
    for title, findings in (
        ("Files", files(loaded.settings)),
        ("Ports", ports(loaded.settings)),
        ("Reach", reach(loaded.settings)),
        ("Outside", outside(loaded.settings, chosen.stun) if chosen.stun else iter(())),
        ("Warnings", (Finding(ODD, one) for one in loaded.warnings)),
    ):
        lines = list(findings)
        if lines:
            print(f"\n{title}")
        for one in lines:
            print(f"  {one.state:8}{one.text}")
        bad = bad or any(one.state == BAD for one in lines)
    if bad:
        print("\n`roomful serve` would not start like this: see PROBLEM above.")
        return 1
    print("\nNothing here keeps `roomful serve` from starting.")
    return 0


def _versions() -> str:
    names = ("livekit-protocol", "uvicorn", "starlette", "cryptography")
    parts = [f"{name} {_version(name)}" for name in names]
    return (
        f"Roomful {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores\n" + ", ".join(parts)
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def effective(loaded: Loaded) -> Iterator[str]:
    """`name  value  (where it was said)`; secrets by their key only."""
    for option in OPTIONS:
        value = shown(loaded.settings, option)
        if option.secret and value == NONE:
            value = "devkey (secret hidden)" if loaded.settings.dev else "one that this server makes"
        yield f"{option.name:18} {value:32} ({loaded.origins[option.field]})"


def files(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            ODD if settings.dev else BAD, f"data directory {folder} cannot be written: choose another with --data-dir"
        )
    else:
        made = "" if folder.exists() else " (made by the first start)"
        yield Finding(GOOD, f"data directory {folder} can be written{made}")
    page = Path(__file__).resolve().parent.parent / "web" / "index.html"
    if page.is_file():
        yield Finding(GOOD, "the web app is there")
    else:
        yield Finding(BAD, "the web app is missing: from a checkout, `make serve` builds it")
    try:
        import_module("roomful.app.parts")
    except ImportError as error:
        yield Finding(BAD, f"the media engine does not load: {error}")
    else:
        yield Finding(GOOD, "the media engine loads")
    from roomful.https.authority import fingerprint

    ca = folder / "https" / "ca.pem"
    try:
        yield Finding(GOOD, f"CA fingerprint (SHA-256) {fingerprint(ca.read_bytes())}")
    except FileNotFoundError:
        if settings.beyond_loopback and settings.https_port is not None:
            yield Finding(ODD, "no CA yet: the first start makes one")
    except (OSError, ValueError):
        yield Finding(BAD, f"{ca} cannot be read")


def ports(settings: Settings) -> Iterator[Finding]:
    wanted = [(settings.port, "tcp", "HTTP and WebSockets", "--port")]
    if settings.https_port is not None and settings.beyond_loopback:
        wanted.append((settings.https_port, "tcp", "https", "--https-port"))
    if settings.rtc_tcp_port is not None:
        wanted.append((settings.rtc_tcp_port, "tcp", "media over TCP", "--rtc-tcp-port"))
    for thread in range(settings.threads if settings.rtc_udp_port else 0):
        wanted.append((settings.rtc_udp_port + thread, "udp", f"media, thread {thread}", "--rtc-udp-port"))
    if settings.turn.enabled and settings.beyond_loopback:
        turn = settings.turn
        for number, kind, what, flag in (
            (turn.udp_port, "udp", "STUN and TURN", "--turn-udp-port"),
            (turn.second_udp_port, "udp", "STUN, to tell NATs apart", "--turn-second-udp-port"),
            (turn.tcp_port, "tcp", "TURN", "--turn-tcp-port"),
            (turn.tls_port, "tcp", "TURN over TLS", "--turn-tls-port"),
        ):
            if number is not None:
                wanted.append((number, kind, what, flag))
    for port, kind, what, flag in wanted:
        if port == 0:
            continue
        error = _try(settings.media_bind if flag.startswith(("--rtc", "--turn")) else settings.bind, port, kind)
        if error is None:
            yield Finding(GOOD, f"{kind} {port} is free ({what})")
        else:
            by = holder(port, kind)
            yield Finding(
                BAD, f"{kind} {port} ({what}): {error}{f', held by {by}' if by else ''}; change it with {flag}"
            )


def _try(addresses: tuple[str, ...], port: int, kind: str) -> str | None:
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as probe:
                if kind == "tcp":
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError as error:
            return f"{error.strerror} on {address}"
    return None


def reach(settings: Settings) -> Iterator[Finding]:
    """As far as it can be known from here: nothing is sent to anybody but this machine."""
    from roomful.https.addresses import certified_names, host_name, machine_addresses, shown_address

    if not settings.beyond_loopback and all(is_loopback(one) for one in settings.media_bind):
        yield Finding(
            ODD,
            "only this machine can reach it; "
            + ("leave --dev out" if settings.dev else "--bind 0.0.0.0")
            + " to open it to others",
        )
        yield Finding(GOOD, "browsers take http://localhost for secure: cameras work there")
        return
    found = machine_addresses()
    announced = settings.node_ips or tuple(found)
    yield Finding(GOOD if announced else BAD, f"media addresses: {', '.join(announced) or 'none'}")
    if not settings.node_ips and found and all(ipaddress.ip_address(one).is_private for one in found):
        yield Finding(ODD, "all of them are private: people elsewhere need --node-ip with your public address")
    for address in found:
        yield _loop(address)
    yield Finding(
        ODD, "whether a firewall or NAT lets others in cannot be seen from here: open the ports above, UDP first"
    )
    if not settings.beyond_loopback:
        yield Finding(ODD, "pages come through a reverse proxy on this machine: it has to do https")
    elif settings.https_port is None:
        yield Finding(ODD, "https is off: browsers on other machines get no camera unless a proxy does TLS")
    else:
        names = certified_names(settings.bind)
        yield Finding(
            GOOD, f"https for {shown_address(names) or host_name()} on port {settings.https_port}; steps at /ca"
        )


def outside(settings: Settings, server: str) -> Iterator[Finding]:
    """What a STUN server of the operator's choice sees; it learns this machine's address by that."""
    from roomful.config.stun import seen_as
    from roomful.https.addresses import machine_addresses

    try:
        address, port, own_port = seen_as(server)
    except (OSError, ValueError) as error:
        yield Finding(ODD, f"the public address is unknown: {error}")
        return
    yield Finding(GOOD, f"{server} sees this machine as {address}")
    if address in machine_addresses():
        yield Finding(GOOD, "that is an address of its own: no NAT, nothing to announce")
        return
    kept = "keeps ports" if port == own_port else "changes ports: forward the ports above to this machine one to one"
    yield Finding(ODD, f"a NAT is in between, and {kept}")
    if address in settings.node_ips:
        yield Finding(GOOD, "it is announced already (--node-ip)")
    else:
        others = f",{','.join(settings.node_ips)}" if settings.node_ips else ""
        yield Finding(ODD, f"announce it to people outside with --node-ip {address}{others}")


def _loop(address: str) -> Finding:
    """A datagram from one of our addresses to itself: what a local packet filter may already stop."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with (
            socket.socket(family, socket.SOCK_DGRAM) as receiver,
            socket.socket(family, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind((address, 0))
            receiver.settimeout(0.5)
            sender.bind((address, 0))
            sender.sendto(b"roomful", receiver.getsockname())
            receiver.recvfrom(16)
    except OSError as error:
        return Finding(ODD, f"UDP through {address} does not come back on this machine: {error}")
    return Finding(GOOD, f"UDP through {address} works on this machine")
