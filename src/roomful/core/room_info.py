"""A room as everybody sees it: an immutable snapshot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """What a room says of itself."""

    sid: str
    name: str
    metadata: str = ""
    empty_timeout_s: int = 300
    departure_timeout_s: int = 20
    max_participants: int = 0
    """0 is no limit of its own."""
    loudest: int = 0
    """So many voices are sent on, the loudest; 0 for all."""
    created_at_ms: int = 0
    participants: int = 0
    publishers: int = 0
    active_recording: bool = False
    mode: str = "call"
    """`call` or `broadcast` (`core.policy.RoomOptions`)."""
    version: int = 0
