"""Who holds a port, as far as the system tells: for the error of a taken port and for `roomful doctor`.

Linux tells it in /proc, of other people's processes only to root; elsewhere nothing is found. Never changes anything.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LISTEN = "0A"
"""TCP_LISTEN, in hexadecimal as /proc/net/tcp has it."""
_BOUND = "07"
"""What /proc/net/udp shows for a bound socket."""


def holder(port: int, kind: str = "tcp", *, proc: Path = Path("/proc")) -> str:
    """`nginx (pid 812)`, `another user's process`, or "" when nothing is known. `kind` is `tcp` or `udp`."""
    if not sys.platform.startswith("linux"):
        return ""
    inodes = {inode for table in (kind, f"{kind}6") for inode in _sockets(proc / "net" / table, port, kind)}
    if not inodes:
        return ""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in proc.iterdir():
        if process.name.isdigit() and _holds(process, wanted):
            return f"{_name(process)} (pid {process.name})"
    return "another user's process"


def _sockets(table: Path, port: int, kind: str) -> list[str]:
    """Inodes of the sockets that listen on a port."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return []
    state = _LISTEN if kind == "tcp" else _BOUND
    found: list[str] = []
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[3] == state and int(fields[1].rpartition(":")[2], 16) == port:
            found.append(fields[9])
    return found


def _holds(process: Path, wanted: set[str]) -> bool:
    try:
        return any(os.readlink(one) in wanted for one in (process / "fd").iterdir())  # noqa: PTH115 - no path
    except OSError:  # gone, or not ours to see
        return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process"
