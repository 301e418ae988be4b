"""Secrets this server made and keeps: its API key, the host link's key, what signs identities. In the data directory, mode 0600.

Called by `app.parts`. Contents are never logged.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from roomful.core.errors import ConfigError

FILE = "secrets.json"


@dataclass(frozen=True, slots=True)
class Secrets:
    api_key: str
    api_secret: str = field(repr=False)
    host_key: str = field(repr=False)
    identity_secret: str = field(repr=False)


def fresh() -> Secrets:
    """Each carries at least 128 bits."""
    return Secrets(
        api_key="API" + secrets.token_hex(6),
        api_secret=secrets.token_urlsafe(32),
        host_key=secrets.token_urlsafe(18),
        identity_secret=secrets.token_hex(32),
    )


def kept(data_dir: Path) -> Secrets:
    """Those of the data directory, made if there are none. Raises ConfigError when they cannot be kept or read."""
    path = data_dir / FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            return _read(path)
        # Created whole and private, or not at all: two processes may start at once.
        made = fresh()
        new = path.with_suffix(f".{secrets.token_hex(8)}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(made), file, indent=1)
        try:
            os.link(new, path)
        except FileExistsError:
            return _read(path)
        finally:
            new.unlink()
    except OSError as error:
        raise ConfigError(
            f"the data directory {data_dir} cannot be used: {error.strerror}; choose another with --data-dir",
            code="data_dir",
        ) from None
    return made


def _read(path: Path) -> Secrets:
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    try:
        value = cast("dict[str, object]", json.loads(path.read_text()))
        return Secrets(**{field: str(value[field]) for field in Secrets.__slots__})
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path} is damaged: remove it to make new keys", code="data_dir") from None
