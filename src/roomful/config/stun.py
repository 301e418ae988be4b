"""Which address the world sees: one Binding request to a STUN server that the operator names (RFC 8489 §5, §14.2).

Called by `app.public` and `roomful doctor --stun`. Asks nobody by itself; reading an answer is pure.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket

_MAGIC = 0x2112A442
_BINDING, _SUCCESS = 0x0001, 0x0101
_MAPPED, _XOR_MAPPED = 0x0001, 0x0020
PORT = 3478
TRIES = 3
WAIT_S = 1.0


def request(transaction: bytes) -> bytes:
    return _BINDING.to_bytes(2) + bytes(2) + _MAGIC.to_bytes(4) + transaction


def mapped(answer: bytes, transaction: bytes) -> tuple[str, int] | None:
    """(address, port) in an answer to this transaction; None for anything else."""
    if len(answer) < 20 or answer[:2] != _SUCCESS.to_bytes(2) or answer[4:20] != _MAGIC.to_bytes(4) + transaction:
        return None
    body, found = answer[20 : 20 + int.from_bytes(answer[2:4])], None
    while len(body) >= 4:
        kind, length = int.from_bytes(body[:2]), int.from_bytes(body[2:4])
        value = body[4 : 4 + length]
        if kind in (_MAPPED, _XOR_MAPPED):
            mask = _MAGIC.to_bytes(4) + transaction if kind == _XOR_MAPPED else bytes(16)
            read = _address(value, mask)
            # The plain one is of old servers, and may have been rewritten by the NAT itself.
            found = read if kind == _XOR_MAPPED else found or read
        body = body[4 + length + (-length % 4) :]
    return found


def _address(value: bytes, mask: bytes) -> tuple[str, int] | None:
    size = {(1, 8): 4, (2, 20): 16}.get((value[1], len(value))) if len(value) > 1 else None
    if size is None:
        return None
    port = int.from_bytes(value[2:4]) ^ int.from_bytes(mask[:2])
    octets = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(octets)), port


def place(text: str) -> tuple[str, int]:
    """`name`, `name:port`, `address` or `[address]:port`. Raises ValueError."""
    if text.startswith("["):
        name, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") > 1:
        name, port = text, ""
    else:
        name, _, port = text.partition(":")
    if not name or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536)):
        raise ValueError(f"{text!r} is not a name or an address, with or without a port")
    return name, int(port or PORT)


def seen_as(server: str) -> tuple[str, int, int]:
    """(address, port) as that server sees it, and the port that was sent from. Raises OSError, ValueError."""
    name, port = place(server)
    family, _, _, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect(address)
        asking.settimeout(WAIT_S)
        for _ in range(TRIES):
            transaction = secrets.token_bytes(12)
            asking.send(request(transaction))
            try:
                found = mapped(asking.recv(2_048), transaction)
            except TimeoutError:
                continue
            if found is not None:
                return *found, int(asking.getsockname()[1])
    raise OSError(f"no answer from {server} over UDP")
