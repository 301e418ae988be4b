"""Implements `ports.MediaEngine` over the Rust engine: orders go down one by one, reports come up in batches.

An eventfd (or, where there is none, a short timer) wakes the event loop, one call drains everything. Made by the
composition root; it decides nothing about rooms.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from roomful.core.effects import AddMember, AnnounceTrack, EndTrack, MediaOrder, MoveMember, RemoveMember
from roomful.core.errors import Invalid, LimitExceeded, NotFound, RoomfulError, Unavailable
from roomful.engine.native import NativeEngine
from roomful.engine.orders import native_order
from roomful.engine.registry import Registry
from roomful.engine.reports import native_report
from roomful.ports import EngineDied, Ids, MediaAnswer, MediaReport
from roomful.service.bell import Bell
from roomful.service.requests import Requests

log = logging.getLogger("roomful.engine")


class NativeMedia:
    """Call `start` in the running event loop, and all else in its thread."""

    def __init__(self, native: NativeEngine, ids: Ids, *, timeout_s: float) -> None:
        self._native = native
        self._ids = ids
        self._registry = Registry()
        self._requests: Requests[Any] = Requests("the media engine", timeout_s)
        self._bell = Bell(self._drain)
        self._dead = False

    def start(self) -> None:
        """Listens for events."""
        self._bell.hang(self._native.fileno())

    # Orders

    def open_room(self, room: str, sink: Callable[[MediaReport], None], *, beside: str = "") -> None:
        self._registry.open_room(room, sink)
        self._send("open_room", {"room": room, "beside": beside or None})

    def together(self, *rooms: str) -> bool:
        return not self._dead and self._native.together(rooms)

    def close_room(self, room: str) -> None:
        self._registry.close_room(room)
        self._send("close_room", {"room": room})

    def order(self, room: str, order: MediaOrder) -> None:
        match order:
            case AddMember():
                self._registry.add_member(room, order.participant)
            case MoveMember():
                self._registry.move_member(room, order.participant)
            case RemoveMember():
                self._registry.remove_member(order.participant)
            case AnnounceTrack():
                self._registry.add_track(order.participant, order.track.sid)
            case EndTrack():
                self._registry.end_track(order.track)
            case _:
                pass
        self._send(*native_order(room, order))

    def open_transport(self, room: str, participant: str, transport: str, role: str, *, tcp_only: bool) -> None:
        self._registry.add_transport(room, participant, transport, role)
        fields = {"participant": participant, "transport": transport, "role": role, "tcp_only": tcp_only}
        self._send("open_transport", {**fields, "credentials": self._ids.credentials()})

    def candidate(self, transport: str, candidate: str) -> None:
        self._send("remote_candidate", {"transport": transport, "candidate": candidate})

    def restart_ice(self, transport: str) -> None:
        self._send("restart_ice", {"transport": transport, "credentials": self._ids.credentials()})

    def limit_bandwidth(self, participant: str, bps: int) -> None:
        self._send("limit_bandwidth", {"participant": participant, "bps": bps})

    def send_data(self, room: str, kind: str, packet: bytes, to: tuple[str, ...]) -> None:
        self._send("send_data", {"room": room, "kind": kind, "packet": packet, "to": list(to)})

    def watch_data(self, room: str, on: bool) -> None:
        self._send("watch_data", {"room": room, "on": on})

    def hold_topics(self, room: str, topics: tuple[str, ...]) -> None:
        self._send("hold_topics", {"room": room, "topics": list(topics)})

    def watch_topics(self, room: str, topics: tuple[str, ...]) -> None:
        self._send("watch_topics", {"room": room, "topics": list(topics)})

    def decide(self, room: str, hold: int, verdict: bytes | bool) -> None:
        self._send("decide", {"room": room, "hold": hold, "verdict": verdict})

    def replay_data(self, participant: str, seen: tuple[tuple[str, int], ...]) -> None:
        self._send("replay_data", {"participant": participant, "seen": list(seen)})

    # Questions

    async def offer(self, transport: str, sdp: str) -> MediaAnswer:
        credentials = self._ids.credentials()
        told: Mapping[str, Any] = await self._requests.ask(
            lambda number: self._send(
                "remote_offer",
                {"request": number, "transport": transport, "sdp": sdp, "credentials": credentials},
            )
        )
        return MediaAnswer(transport, told["sdp"], dict(told["mids"]))

    async def answer(self, transport: str, sdp: str, offer_id: int) -> None:
        await self._requests.ask(
            lambda number: self._send(
                "remote_answer", {"request": number, "transport": transport, "offer": offer_id, "sdp": sdp}
            )
        )

    async def last_received(self, participant: str) -> int:
        told: Mapping[str, Any] = await self._requests.ask(
            lambda number: self._send("ask_received", {"request": number, "participant": participant})
        )
        return told["sequence"]

    async def stats(self, room: str) -> str:
        told: Mapping[str, Any] = await self._requests.ask(
            lambda number: self._send("ask_stats", {"request": number, "room": room})
        )
        return told["json"]

    async def close(self) -> None:
        """Ends the engine's threads."""
        self._bell.take_down()
        self._dead = True
        self._requests.die(Unavailable("the media engine has ended", code="engine_dead"))
        await asyncio.to_thread(self._native.close)

    # Events

    def _send(self, command: str, fields: Mapping[str, Any]) -> None:
        if self._dead:
            return
        try:
            self._native.send(command, fields)
        except RuntimeError as error:
            if getattr(error, "code", "") != "overloaded":
                self._die(str(error))
                return
            # What takes away is never refused, so what is lost here is asked for again by whoever misses it.
            log.error("the engine does not take %s: %s", command, error)
            if (number := fields.get("request")) is not None:
                self._requests.fail(number, Unavailable(str(error), code="overloaded"))
        except (TypeError, ValueError) as error:
            # What a client made us say does not fit the engine's words: that order fails, nothing else does.
            log.warning("the engine takes no such %s: %s", command, error)
            if (number := fields.get("request")) is not None:
                self._requests.fail(number, Invalid(str(error)))

    def _drain(self) -> None:
        if self._dead:
            return
        try:
            events = self._native.drain()
        except RuntimeError as error:
            self._die(str(error))
            return
        for event, told in events:
            try:
                self._dispatch(event, told)
            except Exception:
                # One odd event must not silence the rest of the batch.
                log.exception("the engine's event %s could not be told", event)

    def _dispatch(self, event: str, told: Mapping[str, Any]) -> None:
        match event:
            case "answer" | "accepted" | "received" | "stats":
                self._requests.answer(told["request"], told)
            case "refused":
                self._requests.fail(told["request"], _error(told["code"], told["message"]))
            case "died":
                self._die(told["reason"])
            case _:
                routed = native_report(event, told, self._registry)
                if routed is not None and (sink := routed[0]) is not None:
                    sink(routed[1])

    def _die(self, reason: str) -> None:
        if self._dead:
            return
        self._dead = True
        log.critical("the media engine died: %s", reason)
        self._bell.take_down()
        self._requests.die(Unavailable("the media engine has died", code="engine_dead"))
        for sink in self._registry.sinks():
            sink(EngineDied(reason))


def _error(code: str, message: str) -> RoomfulError:
    match code:
        case "not_found":
            return NotFound(message, code=code)
        case "limit":
            return LimitExceeded(message)
        case _:
            return Invalid(message, code=code)
