"""What the adapter needs of `roomful._native.media.Engine`. The binding's own stub is the full account; this is our side of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class NativeEngine(Protocol):
    """Commands return at once; what they lead to comes with `drain`."""

    def fileno(self) -> int:
        """A descriptor that is readable while there is something to drain; -1 where there is none."""
        ...

    def send(self, command: str, fields: Mapping[str, Any]) -> None:
        """One command by its name. Raises RuntimeError when the engine is dead, or (`code` `overloaded`) far behind."""
        ...

    def together(self, rooms: Sequence[str]) -> bool:
        """Whether these rooms are all there and on one thread."""
        ...

    def drain(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """All events since the last call, in order. Raises RuntimeError when the engine is dead."""
        ...

    def close(self) -> None: ...
