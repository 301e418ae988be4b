"""Listening, in both habits: aiortc's `@pc.on("datachannel")` with plain values, and W3C's `pc.ondatachannel = …` and
`addEventListener` with an event object. Used by connections, channels and tracks.

Listeners run in the event loop's thread. One that is a coroutine function becomes a task of its own; what a listener raises is logged
and stops nobody else.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

LOG = logging.getLogger("roomful.rtc")

Listener = Callable[..., Any]
F = TypeVar("F", bound=Listener)


@dataclass(frozen=True, slots=True)
class Event:
    """What W3C-style listeners get. What a kind of event carries is set, the rest is None."""

    type: str
    target: Any
    data: Any = None
    """Of `message`: str or bytes."""
    channel: Any = None
    """Of `datachannel`."""
    candidate: Any = None
    """Of `icecandidate`; None is the end of them."""
    track: Any = None
    receiver: Any = None
    transceiver: Any = None
    streams: tuple[Any, ...] = ()
    """Of `track`."""
    error: Exception | None = None
    """Of `error`."""


class EventTarget:
    """Something that can be listened to."""

    def __init__(self) -> None:
        self._plain: dict[str, list[tuple[Listener, bool]]] = {}
        self._w3c: dict[str, list[Listener]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @overload
    def on(self, event: str) -> Callable[[F], F]: ...
    @overload
    def on(self, event: str, listener: F) -> F: ...
    def on(self, event: str, listener: Any = None) -> Any:
        """Calls `listener` each time, with the event's value (a message, a channel, a track, a candidate) or nothing."""
        return self._listen(event, listener, once=False)

    @overload
    def once(self, event: str) -> Callable[[F], F]: ...
    @overload
    def once(self, event: str, listener: F) -> F: ...
    def once(self, event: str, listener: Any = None) -> Any:
        """As `on`, for the next time only."""
        return self._listen(event, listener, once=True)

    def _listen(self, event: str, listener: Any, *, once: bool) -> Any:
        def add(function: F) -> F:
            self._plain.setdefault(event, []).append((function, once))
            self._heard(event)
            return function

        return add if listener is None else add(listener)

    def remove_listener(self, event: str, listener: Listener) -> None:
        """Calls it no more; nothing happens when it was not there."""
        self._plain[event] = [kept for kept in self._plain.get(event, []) if kept[0] is not listener]

    def remove_all_listeners(self, event: str | None = None) -> None:
        """Of one event, or of all."""
        for kinds in (self._plain, self._w3c):
            if event is None:
                kinds.clear()
            else:
                kinds.pop(event, None)

    def addEventListener(self, event: str, listener: Listener) -> None:
        """Calls `listener` each time with an `Event`."""
        listeners = self._w3c.setdefault(event, [])
        if listener not in listeners:
            listeners.append(listener)
            self._heard(event)

    def removeEventListener(self, event: str, listener: Listener) -> None:
        """Calls it no more."""
        if listener in (listeners := self._w3c.get(event, [])):
            listeners.remove(listener)

    def _heard(self, event: str) -> None:
        """Somebody began to listen."""

    def listens(self, event: str) -> bool:
        """Whether anybody does."""
        return bool(self._plain.get(event) or self._w3c.get(event) or getattr(self, f"on{event}", None))

    def _emit(self, event: str, *values: Any, **carried: Any) -> None:
        """Calls all listeners: `values` for aiortc's habit, `carried` as fields of W3C's event."""
        if plain := self._plain.get(event):
            for listener, _once in plain[:]:
                self._call(listener, *values)
            if any(once for _listener, once in plain):
                self._plain[event] = [kept for kept in plain if not kept[1]]
        handler: Listener | None = getattr(self, f"on{event}", None)
        others = self._w3c.get(event)
        if handler is None and not others:
            return
        told = Event(event, self, **carried)
        if handler is not None:
            self._call(handler, told)
        for listener in (others or ())[:]:
            self._call(listener, told)

    def _call(self, listener: Listener, *values: Any) -> None:
        try:
            result = listener(*values)
        except Exception:
            LOG.exception("a listener failed")
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(result)
            assert isinstance(task, asyncio.Task)
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("a listener failed", exc_info=error)
