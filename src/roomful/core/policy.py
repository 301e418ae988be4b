"""The bounds and habits of rooms. Filled from the configuration by `app.py`, read by core and services; decides nothing itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoomOptions:
    """What one room is made with; None takes the policy's value."""

    empty_timeout_s: int | None = None
    departure_timeout_s: int | None = None
    max_participants: int | None = None
    metadata: str = ""
    mode: str = "call"
    """`call`: who knows the room's name may join it from the page; `broadcast`: they may watch, and hosts alone join."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Sizes are bytes of UTF-8 unless the name says otherwise; 0 means no bound only where said."""

    auto_create: bool = True
    """A join may make its room."""
    empty_timeout_s: int = 300
    """How long a room waits for its first participant."""
    departure_timeout_s: int = 20
    """How long it stays after the last one left."""
    max_participants: int = 0
    """Per room; 0 is no bound."""
    max_viewers: int = 5_000
    """Who watch one room by WHEP, beside its participants; 0 is no bound."""
    max_rooms: int = 10_000
    max_tracks: int = 64
    """Publications of one participant."""
    max_data_tracks: int = 256
    """Data tracks of one participant."""
    max_room_name: int = 256
    max_identity: int = 256
    max_name: int = 256
    max_metadata: int = 64_000
    max_attributes: int = 64_000
    """Keys and values together."""
    max_layers: int = 9
    """Layers of one codec, and codecs of one track."""
    remote_unmute: bool = False
    """Whether the server may unmute somebody (LiveKit's `enable_remote_unmute`)."""
    resume_grace_ms: int = 30_000
    """How long somebody whose signal connection is lost stays while media may go on."""
    media_grace_ms: int = 15_000
    """How long somebody stays whose media failed or never came up while the signal connection is up."""
    coalesce_ms: int = 20
    """Participant updates to the same reader are gathered this long in a small room,"""
    coalesce_most_ms: int = 50
    """and a millisecond longer for each ten people in it, up to this: each update goes to everybody."""
    mailbox_limit: int = 1_024
    """Items waiting for one session; a reader slower than that goes."""
    inbox_limit: int = 10_000
    """Commands waiting for one room."""
    hook_deadline_s: float = 5.0
    request_timeout_s: float = 10.0
    """How long an offer or answer may wait for the engine."""
