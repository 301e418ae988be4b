"""A user's rules for channels, `@app.channel("game-*")`, as `ports.ChannelHooks`. Filled by `Roomful`, asked by `service.channels`.

    @app.channel("game-*", history=100)
    class Game:
        def on_join(self, member, channel): …               # False or `raise member.refuse(why)` keeps out
        def on_message(self, member, channel, message): …   # None as it is, False drops, anything else takes its place
        def on_request(self, member, channel, message): …   # what it returns is the reply
        def on_leave(self, member, channel): …

Each may be missing, sync or async. Messages enter Python only where there is an `on_message`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from roomful.core.errors import RoomfulError
from roomful.ports import Asked, ChannelRules, Hub, Peer, Verdict

log = logging.getLogger("roomful.channels")

FAILED = Verdict(False, "refused", "the server could not decide")
LATE = Verdict(False, "refused", "the server could not decide in time")


class Refusal(RoomfulError):
    """To be raised in a hook; its code and words reach the client."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a channel, or at its door, as hooks meet them."""

    _hub: Hub
    _peer: Peer
    channel: str
    info: Any = None
    """What they brought to the join; None elsewhere."""

    @property
    def connection(self) -> int:
        return self._peer.connection

    @property
    def identity(self) -> str:
        """What the server vouches for; empty for a stranger."""
        return self._peer.identity

    @property
    def address(self) -> str:
        return self._peer.address

    @property
    def state(self) -> dict[str, Any]:
        """For whatever belongs to this connection, in all its channels."""
        return self._peer.state

    def send(self, data: Any) -> None:
        """To this member alone: JSON data, or bytes. Raises TypeError and ValueError for what is no JSON."""
        self._hub.publish(self.channel, encoded(data), to=(self.connection,))

    def put_out(self, reason: str = "", code: str = "put_out") -> None:
        """Out of the channel; the client is told why."""
        self._hub.put_out(self.connection, self.channel, code, reason)

    def refuse(self, reason: str, code: str = "refused") -> Refusal:
        """To be raised: `raise member.refuse("the game is on")`."""
        return Refusal(reason, code=code)


def encoded(data: Any) -> str | bytes:
    """Raises TypeError and ValueError for what is neither bytes nor JSON."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", data))
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def decoded(message: str | bytes | None) -> Any:
    return json.loads(message) if isinstance(message, str) else message


@dataclass(frozen=True, slots=True)
class _Hook:
    pattern: str
    fits: Callable[[str], object]
    rules: ChannelRules
    join: Callable[..., Any] | None
    message: Callable[..., Any] | None
    request: Callable[..., Any] | None
    leave: Callable[..., Any] | None


@dataclass(slots=True)
class UserChannels:
    """Implements `ports.ChannelHooks`."""

    deadline_s: float
    _hooks: list[_Hook] = field(default_factory=list[_Hook])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])

    def add(self, pattern: str, given: object, rules: ChannelRules) -> None:
        """Raises TypeError for what has none of the hooks."""
        one = given() if inspect.isclass(given) else given
        join, message, request, leave = (
            getattr(one, name, None) for name in ("on_join", "on_message", "on_request", "on_leave")
        )
        self._hooks.append(
            _Hook(
                pattern,
                _matcher(pattern),
                replace(rules, on_message=message is not None, on_request=request is not None),
                join,
                message,
                request,
                leave,
            )
        )

    def rules(self) -> list[tuple[str, ChannelRules]]:
        return [(hook.pattern, hook.rules) for hook in self._hooks]

    def decides(self, channel: str) -> bool:
        return self._of(channel) is not None

    def _of(self, channel: str) -> _Hook | None:
        return next((hook for hook in self._hooks if hook.fits(channel)), None)

    def decide(self, hub: Hub, asked: Asked, peer: Peer) -> Verdict | Awaitable[Verdict]:
        hook = self._of(asked.channel)
        if hook is None:
            return FAILED
        try:
            given = decoded(asked.message)
            member = Member(hub, peer, asked.channel, given if asked.kind == "join" else None)
            match asked.kind:
                case "join":
                    call, arguments, read = hook.join, (member, asked.channel), _join
                case "message":
                    call, arguments, read = hook.message, (member, asked.channel, given), _message
                case _:
                    call, arguments, read = hook.request, (member, asked.channel, given), _reply
            if call is None:
                return Verdict(asked.kind != "request", "no_server")
            result = call(*arguments)
            if inspect.isawaitable(result):
                return self._await(asked, result, read)
            return read(result)
        except Exception as error:  # noqa: BLE001 - logged there
            return _refusal(asked, error)

    async def _await(self, asked: Asked, result: Awaitable[Any], read: Callable[[Any], Verdict]) -> Verdict:
        try:
            async with asyncio.timeout(self.deadline_s):
                return read(await result)
        except Exception as error:  # noqa: BLE001 - logged there
            return _refusal(asked, error)

    def left(self, hub: Hub, channel: str, peer: Peer) -> None:
        hook = self._of(channel)
        if hook is None or hook.leave is None:
            return
        try:
            result = hook.leave(Member(hub, peer, channel), channel)
        except Exception:
            log.exception("on_leave of %s failed", channel)
            return
        if inspect.isawaitable(result):
            task = asyncio.create_task(self._finish(channel, result))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _finish(self, channel: str, result: Awaitable[Any]) -> None:
        try:
            async with asyncio.timeout(self.deadline_s):
                await result
        except Exception:
            log.exception("on_leave of %s failed", channel)


def _matcher(pattern: str) -> Callable[[str], object]:
    """As the hub matches: `*` any characters, `?` one."""
    parts = ({"*": ".*", "?": "."}.get(one) or re.escape(one) for one in re.sub(r"\*+", "*", pattern))
    return re.compile("".join(parts), re.DOTALL).fullmatch


def _join(result: Any) -> Verdict:
    """A dict takes the place of the member's info."""
    if result is False:
        return Verdict(False, "refused", "you may not join this channel")
    return Verdict(True, info=cast("str", encoded(result)) if isinstance(result, dict) else None)


def _message(result: Any) -> Verdict:
    if result is False:
        return Verdict(False)
    return Verdict(True, message=None if result is None or result is True else encoded(result))


def _reply(result: Any) -> Verdict:
    return Verdict(True, message=encoded(result))


def _refusal(asked: Asked, error: Exception) -> Verdict:
    match error:
        case RoomfulError():
            return Verdict(False, error.code, error.message)
        case TimeoutError():
            log.error("on_%s of %s took too long", asked.kind, asked.channel)
            return LATE
        case _:
            log.error("on_%s of %s failed", asked.kind, asked.channel, exc_info=error)
            return FAILED
