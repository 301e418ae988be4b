"""The public address of a server behind NAT, asked of a STUN server that the operator names. Called by `app.roomful` at the start.

Never asks anybody unless `node_ip_from` is set, and never again while the server runs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import replace

from roomful.config.settings import Settings
from roomful.config.stun import seen_as
from roomful.core.errors import ConfigError
from roomful.https.addresses import machine_addresses


def with_public_address(
    settings: Settings,
    ask: Callable[[str], tuple[str, int, int]] = seen_as,
    own: Callable[[], Sequence[str]] = machine_addresses,
) -> Settings:
    """The settings, with the address that the world sees before those that clients are told anyway. Takes up to three seconds.

    People on the inside go on using the others. Raises ConfigError (`public_address`) when nobody answers: a server that is
    told to find its address and cannot would otherwise be reached by nobody, without a word.
    """
    if not settings.node_ip_from:
        return settings
    try:
        address, _, _ = ask(settings.node_ip_from)
    except (OSError, ValueError) as error:
        text = f"the public address is unknown: {error}; name it with --node-ip, or another server with --node-ip-from"
        raise ConfigError(text, code="public_address") from None
    addresses = tuple(own())
    if address in addresses:
        return settings
    bound = tuple(one for one in settings.media_bind if not ipaddress.ip_address(one.partition("%")[0]).is_unspecified)
    inside = settings.node_ips or bound or addresses
    return replace(settings, node_ips=(address, *(one for one in inside if one != address)))
