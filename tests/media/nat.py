"""Network namespaces as people's networks are: a public street, homes behind symmetric NATs, firewalls. Made for one test, removed after.

    street (bridge, 10.213.0.0/24) ── server 10.213.0.1
                                   ├─ NAT 10.213.0.11 ── home 10.213.1.2
                                   └─ NAT 10.213.0.12 ── home 10.213.2.2

Needs root and nftables; touches nothing that it has not made.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SERVER = "10.213.0.1"
SECOND = "10.213.0.3"
"""Another address of the server."""
_COUNT = itertools.count()


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@dataclass
class Street:
    """Names of namespaces, to be put before commands with `inside`."""

    tag: str
    server: str
    made: list[str] = field(default_factory=list[str])

    def inside(self, namespace: str) -> list[str]:
        return ["ip", "netns", "exec", namespace]

    def add(self, name: str) -> str:
        namespace = f"{self.tag}{name}"
        ip("netns", "add", namespace)
        self.made.append(namespace)
        ip("-n", namespace, "link", "set", "lo", "up")
        return namespace

    def wire(self, bridge: str, namespace: str, device: str, address: str) -> None:
        """A cable from the bridge's namespace to a device with this address."""
        end = f"p{len(self.made)}{device}"
        ip("-n", bridge, "link", "add", end, "type", "veth", "peer", "name", device, "netns", namespace)
        ip("-n", bridge, "link", "set", end, "master", "br0")
        ip("-n", bridge, "link", "set", end, "up")
        ip("-n", namespace, "addr", "add", f"{address}/24", "dev", device)
        ip("-n", namespace, "link", "set", device, "up")

    def ipv6(self, namespace: str, address: str) -> None:
        """One more address of `eth0`, usable at once."""
        ip("-n", namespace, "addr", "add", f"{address}/64", "dev", "eth0", "nodad")

    def home(self, number: int) -> str:
        """A namespace behind a NAT of its own that gives every destination another port and lets nothing in."""
        nat, home = self.add(f"n{number}"), self.add(f"h{number}")
        self.wire(f"{self.tag}street", nat, "wan", f"10.213.0.{10 + number}")
        ip("-n", nat, "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", home)
        ip("-n", nat, "addr", "add", f"10.213.{number}.1/24", "dev", "lan")
        ip("-n", nat, "link", "set", "lan", "up")
        ip("-n", home, "addr", "add", f"10.213.{number}.2/24", "dev", "eth0")
        ip("-n", home, "link", "set", "eth0", "up")
        ip("-n", home, "route", "add", "default", "via", f"10.213.{number}.1")
        subprocess.run([*self.inside(nat), "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        self.rules(
            nat,
            """
            table ip nat {
              chain out {
                type nat hook postrouting priority 100;
                oifname "wan" masquerade fully-random
              }
            }
            table ip filter {
              chain forward {
                type filter hook forward priority 0; policy drop;
                iifname "lan" accept
                ct state established,related accept
              }
            }
            """,
        )
        return home

    def one_to_one(self, number: int) -> str:
        """A home whose NAT hands everything on and keeps ports, as a cloud does with a public address: that address."""
        public = f"10.213.0.{10 + number}"
        self.home(number)
        self.rules(
            f"{self.tag}n{number}",
            f"""
            table ip one {{
              chain in {{
                type nat hook prerouting priority -100;
                iifname "wan" dnat to 10.213.{number}.2
              }}
              chain out {{
                type nat hook postrouting priority 90;
                oifname "wan" snat to {public}
              }}
            }}
            table ip filter {{
              chain forward {{
                ct status dnat accept
              }}
            }}
            """,
        )
        return public

    def tcp_alone(self, namespace: str, *ports: int) -> None:
        """A firewall that lets nothing out but TCP to these ports."""
        self.rules(
            namespace,
            f"""
            table ip filter {{
              chain output {{
                type filter hook output priority 0; policy drop;
                oifname "lo" accept
                tcp dport {{ {", ".join(map(str, ports))} }} accept
              }}
            }}
            """,
        )

    def rules(self, namespace: str, text: str) -> None:
        done = subprocess.run(
            [*self.inside(namespace), "nft", "-f", "-"], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def street() -> Iterator[Street]:
    tag = f"rt{os.getpid() % 100_000}{next(_COUNT)}"
    made = Street(tag, f"{tag}server")
    try:
        bridge = made.add("street")
        ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", bridge, "link", "set", "br0", "up")
        made.add("server")
        made.wire(bridge, made.server, "eth0", SERVER)
        ip("-n", made.server, "addr", "add", f"{SECOND}/24", "dev", "eth0")
        yield made
    finally:
        for namespace in made.made:
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
