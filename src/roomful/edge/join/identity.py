"""Who a device is: an identity made by the server and a key that only this device was given.

Pure. The key is an HMAC-SHA256 (RFC 2104) of the identity, so nothing is stored; nobody can claim another's identity,
and with it throw that person out, without the key.
"""

from __future__ import annotations

import hashlib
import hmac

_PREFIX = b"roomful device identity\n"


def key_of(identity: str, secret: bytes) -> str:
    """64 hexadecimal digits."""
    return hmac.new(secret, _PREFIX + identity.encode(), hashlib.sha256).hexdigest()


def holds(identity: str, key: str, secret: bytes) -> bool:
    """Whether a device may go on as `identity`; compares in constant time."""
    return bool(identity) and hmac.compare_digest(key_of(identity, secret).encode(), key.encode())
