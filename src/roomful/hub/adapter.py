"""Implements `ports.Hub` over the hub in Rust: commands go down one by one, events come up in batches.

Made by the composition root. It decides nothing: who asked to be told of a path, a connection or a question is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from roomful.core.errors import Unavailable
from roomful.hub.native import NativeHub
from roomful.ports import Asked, ChannelRules, Listener, Opening, Present, Verdict
from roomful.service.bell import Bell
from roomful.service.requests import Requests

log = logging.getLogger("roomful.hub")

ARRIVALS = 16
"""Handshakes that edges are told of in one turn of the loop."""
ASK_S = 10.0
"""How long a question to the hub may take."""
GONE = 1006
"""RFC 6455 §7.4.1: ended without a word."""


class HubAdapter:
    """Call `start` in the running event loop, and all but `publish` in its thread. `foreign` is the binding's FOREIGN."""

    def __init__(self, native: NativeHub, *, foreign: int) -> None:
        self._native = native
        self._routes: dict[str, Callable[[Opening], None]] = {}
        self._pending: set[int] = set()
        """Handshakes that wait for an answer."""
        self._arrivals: deque[Mapping[str, Any]] = deque()
        """Those that nobody was told of yet."""
        self._listeners: dict[int, Listener] = {}
        self._sends: list[tuple[list[int], str | bytes, str]] = []
        """Who is to be sent what, once this turn of the loop is over."""
        self._numbers = count(foreign + 1)
        self._asked: Callable[[Asked], None] | None = None
        self._leave: Callable[[int, str], None] | None = None
        self._requests: Requests[Mapping[str, Any]] = Requests("the hub", ASK_S)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = Bell(self._drain)
        self._dead = False
        self._closing = False
        self._on: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "message": self._message,
            "deliver": self._deliver,
            "opened": self._opened,
            "closed": self._closed,
            "close": self._close_foreign,
            "slow": lambda fields: self._slow(fields, True),
            "writable": lambda fields: self._slow(fields, False),
            "join_asked": lambda fields: self._ask("join", fields, fields["info"]),
            "message_asked": lambda fields: self._ask("message", fields, fields["message"]),
            "request_asked": lambda fields: self._ask("request", fields, fields["message"]),
            "history": self._answered,
            "presence": self._answered,
            "stats": self._answered,
            "joined": _pass_over,
            "left": self._left,
            "died": lambda fields: self._die(fields["reason"]),
        }

    def start(self) -> None:
        """Listens for events."""
        self._loop = asyncio.get_running_loop()
        self._bell.hang(self._native.fileno())

    @property
    def ports(self) -> tuple[tuple[str, str, int], ...]:
        """(`plain` or `tls`, address, port) of every listener."""
        return tuple(self._native.ports())

    def reload(self) -> None:
        """New TLS connections get the certificate that lies in its file now. Raises RuntimeError, and keeps the old one."""
        self._native.reload()

    async def shut(self, grace_ms: int = 0) -> None:
        """Clients are told 1012 within `grace_ms`, then the hub's thread ends."""
        if not self._dead:
            self._flush()
            self._closing = True
            await asyncio.to_thread(self._native.close, grace_ms)
        self._die("closed")

    # Connections

    def route(self, path: str, opened: Callable[[Opening], None]) -> None:
        self._routes[path] = opened

    def accept(
        self,
        connection: int,
        listener: Listener,
        *,
        speech: str = "raw",
        subprotocol: str | None = None,
        identity: str = "",
        max_message: int | None = None,
    ) -> None:
        if connection not in self._pending:
            # It left, or the deadline passed, before somebody had decided.
            listener.closed(GONE, "")
            return
        self._pending.discard(connection)
        self._listeners[connection] = listener
        optional = {"subprotocol": subprotocol, "identity": identity or None, "max_message": max_message}
        self._send("accept", {"connection": connection, "speech": speech, **_given(optional)})

    def refuse(self, connection: int, status: int, body: str, *, content_type: str = "text/plain") -> None:
        self._pending.discard(connection)
        headers = [("Content-Type", f"{content_type}; charset=utf-8")]
        fields = {"connection": connection, "status": status, "headers": headers, "body": body.encode()}
        self._send("refuse", fields)

    def send(self, to: Sequence[int], message: str | bytes, *, slow: str = "close") -> None:
        """The same message to one after the other, within a turn of the loop, becomes one call: a room's news, which each
        session sends for itself, is framed once for all.
        """
        if self._sends:
            receivers, same, how = self._sends[-1]
            if how == slow and same == message and type(same) is type(message):
                receivers.extend(to)
                return
        elif self._loop is not None:
            self._loop.call_soon(self._flush)
        self._sends.append((list(to), message, slow))

    def _flush(self) -> None:
        if not self._sends:
            return
        sends = [("send", {"to": to, "message": text, "slow": slow}) for to, text, slow in self._sends]
        self._sends = []
        if self._dead:
            return
        try:
            self._native.send_all(sends)
        except RuntimeError as error:
            self._die(str(error))
        except (TypeError, ValueError):
            # One is no message (a lone surrogate is not UTF-8); the others' are.
            for command, fields in sends:
                try:
                    self._command(command, fields)
                except (TypeError, ValueError):
                    log.exception("this cannot be sent")

    def close(self, connection: int, code: int = 1000, reason: str = "") -> None:
        self._send("close", {"connection": connection, "code": code, "reason": reason})

    def open_foreign(self, listener: Listener, speech: str, *, identity: str = "") -> int:
        connection = next(self._numbers)
        self._listeners[connection] = listener
        fields = {"connection": connection, "speech": speech, **_given({"identity": identity or None})}
        self._send("open_foreign", fields)
        return connection

    def feed(self, connection: int, message: str | bytes) -> None:
        self._send("feed", {"connection": connection, "message": message})

    def gone(self, connection: int, code: int = 1005) -> None:
        if self._listeners.pop(connection, None) is not None:
            self._send("gone", {"connection": connection, "code": code})

    # Channels

    def ask(self, asked: Callable[[Asked], None], left: Callable[[int, str], None]) -> None:
        self._asked, self._leave = asked, left

    def decide(self, ask: int, verdict: Verdict) -> None:
        optional = {
            "code": verdict.code or None,
            "reason": verdict.reason or None,
            "message": verdict.message,
            "info": verdict.info,
        }
        self._send("decide", {"ask": ask, "allow": verdict.allow, **_given(optional)})

    def rules(self, pattern: str, rules: ChannelRules | None) -> None:
        given = None if rules is None else _given({name: getattr(rules, name) for name in ChannelRules.__slots__})
        self._send("channel_rules", {"pattern": pattern, "rules": given})

    def publish(
        self,
        channel: str,
        message: str | bytes,
        *,
        without: int | None = None,
        to: Sequence[int] | None = None,
    ) -> None:
        optional = {"except": without, "to": None if to is None else list(to)}
        try:
            self._native.send("publish", {"channel": channel, "message": message, **_given(optional)})
        except RuntimeError:
            # It may be another thread that asks; the loop's own hears of the end by itself.
            log.debug("nothing is published: the hub has ended")

    def put_out(self, connection: int, channel: str, code: str = "put_out", reason: str = "") -> None:
        self._send("leave", {"connection": connection, "channel": channel, "code": code, "reason": reason})

    async def presence(self, channel: str) -> tuple[Present, ...]:
        told = await self._question("presence", {"channel": channel})
        members: list[tuple[int, str, str | None, str | None]] = told["members"]
        return tuple(Present(number, name, identity or "", info or "") for number, name, identity, info in members)

    async def stats(self) -> Mapping[str, int]:
        told = dict(await self._question("stats", {}))
        del told["request"]
        return told

    async def _question(self, command: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._requests.ask(lambda number: self._send(command, {"request": number, **fields}))

    # Events

    def _send(self, command: str, fields: Mapping[str, Any]) -> None:
        """In order with what `send` still holds."""
        self._flush()
        self._command(command, fields)

    def _command(self, command: str, fields: Mapping[str, Any]) -> None:
        if self._dead:
            return
        try:
            self._native.send(command, fields)
        except RuntimeError as error:
            self._die(str(error))

    def _drain(self) -> None:
        try:
            events = self._native.drain()
        except RuntimeError as error:
            self._die(str(error))
            return
        for name, fields in events:
            try:
                self._on[name](fields)
            except Exception:
                # One connection's trouble is not the others'.
                log.exception("an event of the hub failed: %s", name)

    def _message(self, fields: Mapping[str, Any]) -> None:
        listener = self._listeners.get(fields["connection"])
        if listener is not None:
            listener.message(fields["message"])

    def _deliver(self, fields: Mapping[str, Any]) -> None:
        message = fields["message"]
        for connection in fields["to"]:
            listener = self._listeners.get(connection)
            if listener is not None:
                listener.message(message)

    def _opened(self, fields: Mapping[str, Any]) -> None:
        if fields["accepted"]:
            return
        self._pending.add(fields["connection"])
        self._arrivals.append(fields)
        if len(self._arrivals) == 1 and self._loop is not None:
            self._loop.call_soon(self._admit)

    def _admit(self) -> None:
        """A few in each turn: when a thousand come at once, the first are in before the last are looked at."""
        for _ in range(min(ARRIVALS, len(self._arrivals))):
            fields = self._arrivals.popleft()
            connection: int = fields["connection"]
            if connection not in self._pending:
                continue  # it left again
            opened = self._routes.get(fields["path"])
            if opened is None:
                self.refuse(connection, 404, "nothing is here")
                continue
            opened(
                Opening(
                    connection,
                    fields["path"],
                    fields["query"],
                    dict(fields["headers"]),
                    fields["peer"],
                    fields["secure"],
                )
            )
        if self._arrivals and self._loop is not None:
            self._loop.call_soon(self._admit)

    def _closed(self, fields: Mapping[str, Any]) -> None:
        self._pending.discard(fields["connection"])
        listener = self._listeners.pop(fields["connection"], None)
        if listener is not None:
            listener.closed(fields["code"], fields["reason"])

    def _close_foreign(self, fields: Mapping[str, Any]) -> None:
        """The hub wants it closed; it is gone when its holder says so."""
        listener = self._listeners.get(fields["connection"])
        if listener is not None:
            listener.closed(fields["code"], fields["reason"])

    def _slow(self, fields: Mapping[str, Any], slow: bool) -> None:
        listener = self._listeners.get(fields["connection"])
        if listener is not None:
            listener.slow(slow)

    def _ask(self, kind: str, fields: Mapping[str, Any], message: str | bytes | None) -> None:
        asked = Asked(fields["ask"], kind, fields["connection"], fields["channel"], message)
        if self._asked is None:
            self.decide(asked.ask, Verdict(False, "refused", "nobody decides about this channel"))
        else:
            self._asked(asked)

    def _left(self, fields: Mapping[str, Any]) -> None:
        if self._leave is not None:
            self._leave(fields["connection"], fields["channel"])

    def _answered(self, fields: Mapping[str, Any]) -> None:
        self._requests.answer(fields["request"], fields)

    def _die(self, reason: str) -> None:
        """Every connection is told its end, once."""
        if self._dead:
            return
        self._dead = True
        if not self._closing:
            log.critical("the hub has died: %s", reason)
        self._bell.take_down()
        self._requests.die(Unavailable("the hub has ended", code="hub_dead"))
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.closed(GONE, "")


def _pass_over(fields: Mapping[str, Any]) -> None:
    return


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None."""
    return {name: value for name, value in fields.items() if value is not None}
