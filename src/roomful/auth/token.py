"""JSON Web Tokens as LiveKit writes them: HS256 (RFC 7515, RFC 7519) and nothing else, judged strictly.

Called by edges and the command line. Raises Unauthenticated, whose messages never hold token or key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from roomful.auth.claims import claims_of, grant_of
from roomful.auth.grant import Grant
from roomful.core.errors import Unauthenticated

MAX_BYTES = 64 * 1024
LEEWAY_S = 60
"""How far clocks may be apart for `nbf` and `exp`."""


def sign(grant: Grant, *, key: str, secret: str, now_s: int, ttl_s: int) -> str:
    """Token text that holds from now on for `ttl_s` seconds."""
    claims = {**claims_of(grant), "iss": key, "nbf": now_s, "exp": now_s + ttl_s}
    head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":")).encode())
    body = _encode(json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode())
    signed = f"{head}.{body}"
    return f"{signed}.{_encode(_mac(signed, secret))}"


def verify(text: str, *, keys: Mapping[str, str], now_s: float) -> Grant:
    """What a token grants, if one of our keys signed it and its time is now. Raises Unauthenticated."""
    if len(text) > MAX_BYTES:
        raise Unauthenticated("the token is too long")
    parts = text.split(".")
    if len(parts) != 3:
        raise Unauthenticated("this is no token")
    head, claims = _object(parts[0]), _object(parts[1])
    _check_head(head)
    issuer = claims.get("iss")
    secret = keys.get(issuer) if isinstance(issuer, str) else None
    # An unknown key costs as much time as a wrong signature.
    expected = _mac(f"{parts[0]}.{parts[1]}", secret if secret is not None else "unknown")
    if not hmac.compare_digest(expected, _decode(parts[2])) or secret is None:
        raise Unauthenticated("the token is signed by none of this server's keys")
    _check_time(claims, now_s)
    return replace(grant_of(claims), fingerprint=fingerprint(text))


def fingerprint(text: str) -> str:
    """What may be remembered of a token: a hash of what was signed, which nobody can vary without the key."""
    return hashlib.sha256(text.rpartition(".")[0].encode()).hexdigest()


def _check_head(head: Mapping[str, object]) -> None:
    if head.get("alg") != "HS256":
        raise Unauthenticated("the token is not signed with HS256")
    # RFC 7515 §4.1.11 and RFC 7797: what is critical and unknown must be refused.
    if "crit" in head or head.get("b64", True) is not True:
        raise Unauthenticated("the token asks for extensions that are unknown here")


def _check_time(claims: Mapping[str, object], now_s: float) -> None:
    expires, begins = claims.get("exp"), claims.get("nbf")
    if claims.get("iat") is not None and not _is_number(claims.get("iat")):
        raise Unauthenticated("the token's `iat` is no number")
    if not _is_number(expires):
        raise Unauthenticated("the token has no `exp`, or it is no number")
    if begins is not None and not _is_number(begins):
        raise Unauthenticated("the token's `nbf` is no number")
    if now_s >= cast("float", expires) + LEEWAY_S:
        raise Unauthenticated("the token has expired", code="token_expired")
    if begins is not None and now_s < cast("float", begins) - LEEWAY_S:
        raise Unauthenticated("the token does not hold yet")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _object(part: str) -> dict[str, object]:
    try:
        value: object = json.loads(_decode(part).decode(), parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Unauthenticated("this is no token") from None
    if not isinstance(value, dict):
        raise Unauthenticated("this is no token")
    return cast("dict[str, object]", value)


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """RFC 7519 §4: a name appears once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated")
    return found


def _mac(signed: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    """Canonical base64url only (RFC 7515 §2): two texts never mean the same bytes."""
    try:
        raw = base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Unauthenticated("this is no token") from None
    if _encode(raw) != part:
        raise Unauthenticated("this is no token")
    return raw
