"""The router's events as what rooms understand. Pure; used by `engine.adapter` only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomful.core.commands import (
    Bind,
    CannotSubscribe,
    Demand,
    FirstPacket,
    MediaQuality,
    Speaking,
    StreamPaused,
    Unpublish,
)
from roomful.engine.registry import Registry, Sink
from roomful.ports import (
    DataHeld,
    DataPassed,
    DataSeen,
    MediaOffer,
    MediaReport,
    SectionsWanted,
    SlowReader,
    TransportChanged,
)

Routed = tuple[Sink | None, MediaReport]


def native_report(event: str, told: Mapping[str, Any], registry: Registry) -> Routed | None:
    """Which room hears what; None for events that are answers or say nothing to rooms."""
    match event:
        case "offer" | "sections_wanted" | "transport":
            return _of_transport(event, told, registry)
        case "track_bound":
            track = told["track"]
            return registry.sink_of_track(track), Bind(track, told["mid"], told["codec"], tuple(told["rids"]))
        case "track_ended":
            return registry.sink_of_track(told["track"]), Unpublish(told["track"])
        case "demand":
            codecs = tuple((codec, (low, medium, high)) for codec, (low, medium, high) in told["codecs"])
            return registry.sink_of_track(told["track"]), Demand(told["track"], codecs)
        case "subscribed":
            return registry.sink_of_member(told["participant"]), FirstPacket(told["participant"], told["track"])
        case "unsupported":
            return registry.sink_of_member(told["participant"]), CannotSubscribe(told["participant"], told["track"])
        case "stream_state":
            paused = StreamPaused(told["participant"], told["track"], told["paused"])
            return registry.sink_of_member(told["participant"]), paused
        case "speakers":
            levels = tuple((participant, level, active) for participant, level, active in told["levels"])
            return registry.sink(told["room"]), Speaking(levels)
        case "quality":
            quality = MediaQuality(told["participant"], told["quality"], told["score"])
            return registry.sink_of_member(told["participant"]), quality
        case "data":
            return registry.sink(told["room"]), DataPassed(told["participant"], told["kind"], told["packet"])
        case "data_seen":
            return registry.sink(told["room"]), DataSeen(told["participant"], told["packet"])
        case "data_held":
            held = DataHeld(told["hold"], told["participant"], told["topic"], told["packet"])
            return registry.sink(told["room"]), held
        case "slow_reader":
            return registry.sink_of_member(told["participant"]), SlowReader(told["participant"])
        case _:
            return None


def _of_transport(event: str, told: Mapping[str, Any], registry: Registry) -> Routed | None:
    transport = told["transport"]
    place = registry.transport(transport)
    if place is None:
        return None
    sink = registry.sink(place.room)
    match event:
        case "offer":
            return sink, MediaOffer(place.participant, transport, told["offer"], told["sdp"], dict(told["mids"]))
        case "sections_wanted":
            return sink, SectionsWanted(place.participant, transport, told["audios"], told["videos"])
        case _:
            changed = TransportChanged(
                participant=place.participant,
                transport=transport,
                role=place.role,
                state=told["state"],
                protocol=told["protocol"],
                remote=told["remote"] or "",
                reason=told["reason"],
            )
            return sink, changed
