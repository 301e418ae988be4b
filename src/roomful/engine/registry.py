"""Which room, participant and role an engine's id belongs to. Used by `engine.adapter` only; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from roomful.ports import MediaReport

Sink = Callable[[MediaReport], None]


@dataclass(frozen=True, slots=True)
class TransportPlace:
    room: str
    participant: str
    role: str


@dataclass(slots=True)
class _Member:
    room: str
    transports: list[str] = field(default_factory=list[str])
    tracks: set[str] = field(default_factory=set[str])


class Registry:
    """Follows orders, so that each report finds its room."""

    def __init__(self) -> None:
        self._sinks: dict[str, Sink] = {}
        self._members: dict[str, _Member] = {}
        self._transports: dict[str, TransportPlace] = {}
        self._tracks: dict[str, str] = {}

    def open_room(self, room: str, sink: Sink) -> None:
        self._sinks[room] = sink

    def close_room(self, room: str) -> None:
        self._sinks.pop(room, None)
        for participant in [key for key, one in self._members.items() if one.room == room]:
            self.remove_member(participant)

    def sinks(self) -> list[Sink]:
        return list(self._sinks.values())

    def sink(self, room: str) -> Sink | None:
        return self._sinks.get(room)

    def add_member(self, room: str, participant: str) -> None:
        self._members[participant] = _Member(room)

    def move_member(self, room: str, participant: str) -> None:
        if member := self._members.get(participant):
            member.room = room
            for transport in member.transports:
                self._transports[transport] = replace(self._transports[transport], room=room)

    def remove_member(self, participant: str) -> None:
        member = self._members.pop(participant, None)
        if member is not None:
            for transport in member.transports:
                self._transports.pop(transport, None)
            for track in member.tracks:
                self._tracks.pop(track, None)

    def add_transport(self, room: str, participant: str, transport: str, role: str) -> None:
        self._transports[transport] = TransportPlace(room, participant, role)
        if member := self._members.get(participant):
            member.transports.append(transport)

    def add_track(self, participant: str, track: str) -> None:
        if member := self._members.get(participant):
            member.tracks.add(track)
            self._tracks[track] = participant

    def end_track(self, track: str) -> None:
        participant = self._tracks.pop(track, None)
        if participant is not None and (member := self._members.get(participant)):
            member.tracks.discard(track)

    def transport(self, transport: str) -> TransportPlace | None:
        return self._transports.get(transport)

    def sink_of_member(self, participant: str) -> Sink | None:
        member = self._members.get(participant)
        return self._sinks.get(member.room) if member else None

    def sink_of_track(self, track: str) -> Sink | None:
        participant = self._tracks.get(track)
        return self.sink_of_member(participant) if participant is not None else None
