"""Ending what a bench started. Called by the benches."""

from __future__ import annotations

import subprocess
from typing import Any

PATIENCE_S = 15


def end(process: subprocess.Popen[Any]) -> None:
    """Asks it to end, and waits; one that does not is killed."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
