"""Files that only their owner may read, written whole or not at all. Used by `https.store`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def read_private(path: Path) -> bytes | None:
    """None when there is none. Closes it to others if they could read it. Raises OSError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return data


def write_private(path: Path, data: bytes) -> None:
    """Mode 0600 from the first byte. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
