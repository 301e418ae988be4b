"""The bounds, habits and rules of rooms. Filled from the configuration by `app.py`, read by core and services; decides nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from roomful.core.role import Role


@dataclass(frozen=True, slots=True)
class RoomRules:
    """Who may do what in a room, changed while it is live. A role stands for itself and for those above it."""

    preset: str = "call"
    """The preset it began as."""
    guest: Role = Role.SPEAKER
    """What somebody is who comes without a role."""
    speak: Role = Role.SPEAKER
    """Microphone and camera."""
    share: Role = Role.SPEAKER
    """The screen."""
    chat: Role = Role.LISTENER
    """Messages, reactions and everything else that is data."""
    lobby: bool = False
    """Guests wait until a moderator lets them in."""
    locked: bool = False
    """Nobody new comes in."""
    quiet: bool = False
    """The page brings newcomers in with the microphone off."""


PRESETS: Mapping[str, RoomRules] = MappingProxyType(
    {
        "call": RoomRules(),
        "webinar": RoomRules(preset="webinar", guest=Role.LISTENER),
        "classroom": RoomRules(preset="classroom", share=Role.COHOST, lobby=True, quiet=True),
        "open_house": RoomRules(preset="open_house", quiet=True),
    }
)
"""A call: everybody speaks and shows. A webinar: hosts and whom they ask speak, the others listen and write. A classroom:
people wait to be let in and come in quietly, only hosts show a screen. An open house: anybody drops in, quietly.
"""


@dataclass(frozen=True, slots=True)
class RoomOptions:
    """What one room is made with; None takes the policy's value."""

    empty_timeout_s: int | None = None
    departure_timeout_s: int | None = None
    max_participants: int | None = None
    loudest: int | None = None
    metadata: str = ""
    mode: str = "call"
    """`call`: who knows the room's name may join it from the page; `broadcast`: they may watch, and hosts alone join."""
    rules: RoomRules | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Sizes are bytes of UTF-8 unless the name says otherwise; 0 means no bound only where said."""

    rules: RoomRules = RoomRules()
    """Of rooms that are made without a word on them."""
    max_waiting: int = 200
    """People in a lobby."""
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
    loudest: int = 0
    """Voices of one room that are sent on, the loudest; 0 for all."""
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
