"""Keeps tokens out of the log lines of the web server beneath. Called by `app.roomful` when it starts, also inside other applications.

Browsers send LiveKit's token in the query of a WebSocket's address, and uvicorn writes whole addresses. Its loggers get a
filter that blanks the token; lines are neither added nor dropped. Other servers' logs are theirs: the how-to on mounting says so.
"""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(access_token=|join_request=|token=)[^&\s\"]+")
_LOGGERS = ("uvicorn.error", "uvicorn.access")


class _Blank(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_TOKEN.sub(r"\1…", one) if isinstance(one, str) else one for one in record.args)
        return True


_BLANK = _Blank()


def keep_tokens_out_of_logs() -> None:
    """Once or often: a logger takes the same filter once."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_BLANK)
