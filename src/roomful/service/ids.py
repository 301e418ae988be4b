"""Names nobody can guess, of letters and digits as LiveKit's are. Made here, because core has no randomness."""

from __future__ import annotations

import secrets
import string

_LETTERS = string.ascii_letters + string.digits


_FAIR = 256 - 256 % len(_LETTERS)
"""Bytes from here on would make some letters more likely."""


def _text(length: int) -> str:
    """One call to the system for all of it, as a rule."""
    text = ""
    while len(text) < length:
        text += "".join(_LETTERS[byte % len(_LETTERS)] for byte in secrets.token_bytes(length + 4) if byte < _FAIR)
    return text[:length]


class RandomIds:
    """Implements `ports.Ids`: 12 characters carry 71 bits."""

    def room(self) -> str:
        return "RM_" + _text(12)

    def participant(self) -> str:
        return "PA_" + _text(12)

    def track(self) -> str:
        return "TR_" + _text(12)

    def data_track(self) -> str:
        return "DTR_" + _text(12)

    def transport(self) -> str:
        return "TP_" + _text(12)

    def credentials(self) -> tuple[str, str]:
        """RFC 8445 §5.3 asks for 24 and 128 bits; these are 47 and 190."""
        return _text(8), _text(32)
