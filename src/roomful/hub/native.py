"""What the adapter needs of `roomful._native.hub.Hub`. The binding's own stub is the full account; this is our side of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class NativeHub(Protocol):
    """Commands return at once; what they lead to comes with `drain`. Safe from any thread."""

    def fileno(self) -> int:
        """A descriptor that is readable while there is something to drain; -1 where there is none."""
        ...

    def send(self, command: str, fields: Mapping[str, Any]) -> None:
        """One command by its name. Raises RuntimeError when the hub is dead, ValueError or TypeError when it is malformed."""
        ...

    def send_all(self, commands: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Commands, in order, for less than one by one. Raises as `send`, and then takes none."""
        ...

    def drain(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """All events since the last call, in order. Raises RuntimeError when the hub is dead."""
        ...

    def ports(self) -> Sequence[tuple[str, str, int]]:
        """(`plain` or `tls`, address, port) of every listener."""
        ...

    def reload(self) -> None:
        """Reads certificate and key again. Raises RuntimeError and keeps the old ones."""
        ...

    def close(self, grace_ms: int = 0) -> None: ...
