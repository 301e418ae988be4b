"""Runs one `Session` over a `Socket`: reads frames, writes what the session wants, in order, until either side ends.

Made by `endpoint` for somebody who has joined or come back. One lock orders what is written, so that an answer never
overtakes the news it speaks of.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

from roomful.core.errors import RoomfulError
from roomful.edge.livekit.outputs import (
    AnswerMedia,
    Arrived,
    Ask,
    Candidate,
    Close,
    DropOnResume,
    LimitBandwidth,
    OfferMedia,
    Output,
    Post,
    Prefer,
    Refresh,
    Replay,
    RestartIce,
    Send,
    SendOn,
)
from roomful.edge.livekit.pace import Pace
from roomful.edge.livekit.session import Session
from roomful.edge.socket import Socket, SocketClosed
from roomful.ports import Clock
from roomful.service.actor import RoomActor
from roomful.service.mailbox import Item, Mailbox

log = logging.getLogger("roomful.livekit")

SEND_S = 20.0
"""How long one frame may wait for a reader that does not read."""
LONGEST_S = 30.0
"""How long a session is not looked at: its clock may jump."""


class Connection:
    """`refresh` makes a fresh token for a room (None: where the participant is); `arrived` one for the room it was just taken to;
    `remember` keeps what a client's own test wants of its next connection."""

    def __init__(
        self,
        socket: Socket,
        session: Session,
        actor: RoomActor,
        mailbox: Mailbox,
        clock: Clock,
        *,
        refresh: Callable[[RoomActor, str | None], str | None],
        arrived: Callable[[RoomActor], str | None],
        remember: Callable[[DropOnResume | Prefer], None],
    ) -> None:
        self._socket = socket
        self._session = session
        self._actor = actor
        self._mailbox = mailbox
        self._clock = clock
        self._refresh = refresh
        self._arrived = arrived
        self._remember = remember
        self._writing = asyncio.Lock()
        self._over = asyncio.Event()
        self._sooner = asyncio.Event()
        self._tick_at_ms = 0

    async def run(self, first: Sequence[Output]) -> None:
        """Returns when the connection has ended. The participant then stays for a while, unless it has left."""
        try:
            if await self._carry_out(first):
                await self._serve()
        except (SocketClosed, TimeoutError):
            log.debug("%s: the client is gone", self._session.sid)
        finally:
            # Another connection may have taken over meanwhile; then this does nothing.
            self._actor.detach(self._session.sid, self._mailbox)
            await self._close()

    async def _serve(self) -> None:
        tasks = [
            asyncio.create_task(self._guard(one()), name=f"{one.__name__} {self._session.sid}")
            for one in (self._read, self._write, self._tick)
        ]
        self._mailbox.at_once = self._tell_at_once
        self._mailbox.relocate = self._relocate
        try:
            await self._over.wait()
        finally:
            self._mailbox.at_once = self._mailbox.relocate = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _guard(self, work: Awaitable[None]) -> None:
        """Whichever of the three ends first ends the connection."""
        try:
            await work
        except (SocketClosed, TimeoutError):
            log.debug("%s: the client is gone", self._session.sid)
        except RoomfulError as error:
            log.info("%s: the connection ends: %s", self._session.sid, error.message)
        except Exception:
            log.exception("%s: the connection failed", self._session.sid)
        finally:
            self._over.set()

    async def _read(self) -> None:
        pace = Pace(self._clock.now_ms())
        while True:
            frame = await self._socket.receive()
            now_ms = self._clock.now_ms()
            if not await self._carry_out(self._session.handle(frame, now_ms)):
                return
            if self._session.next_tick_ms() < self._tick_at_ms:
                self._sooner.set()
            # Also without a wait, others have their turn between two messages that were there already.
            await asyncio.sleep(pace.wait_ms(now_ms) / 1000)

    async def _write(self) -> None:
        while await self._mailbox.ready():
            async with self._writing:
                if not await self._tell_waiting():
                    return

    async def _tick(self) -> None:
        # Only when there is something to do: thousands of idle people shall cost nothing.
        while True:
            self._tick_at_ms = self._session.next_tick_ms()
            wait_s = (self._tick_at_ms - self._clock.now_ms()) / 1000
            self._sooner.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait_s, 0.001), LONGEST_S)):
                    await self._sooner.wait()
            if not await self._carry_out(self._session.tick(self._clock.now_ms())):
                return

    async def _tell_waiting(self) -> bool:
        """Writes what the room has to say; the lock is held. False when it was the last word."""
        for item in self._mailbox.take_ready():
            frames, last = self._news(item)
            for frame in frames:
                await self._send(frame)
            if last:
                return False
        return True

    def _relocate(self, actor: RoomActor) -> None:
        self._actor = actor

    def _tell_at_once(self, item: Item) -> bool:
        """From the room's own task, so that the same news to a thousand is one call to the hub and wakes nobody here.

        Nothing may be half written, and the client must read: else the news waits in the mailbox, which has its bound.
        """
        if self._writing.locked() or not self._socket.send_now(()):
            return False
        try:
            frames, last = self._news(item)
            if not self._socket.send_now(frames) or last:
                self._over.set()
        except Exception:
            # This connection's trouble is not the room's.
            log.exception("%s: the connection failed", self._session.sid)
            self._over.set()
        return True

    def _news(self, item: Item) -> tuple[list[bytes | str], bool]:
        """Frames, and whether the connection ends after them."""
        frames: list[bytes | str] = []
        for output in self._session.tell(item):
            match output:
                case Send():
                    frames.append(output.frame)
                case Refresh():
                    frames += self._token()
                case Arrived():
                    token = self._arrived(self._actor) or ""
                    frames += _frames(self._session.moved(output.moved, token))
                case SendOn():
                    frames += self._token(output.room)
                case Close():
                    return frames, True
                case _:
                    log.error("news from the room led to %s", output)
        return frames, False

    async def _carry_out(self, outputs: Sequence[Output]) -> bool:
        """False when the connection shall end."""
        waiting = list(outputs)
        while waiting:
            output = waiting.pop(0)
            match output:
                case Send():
                    async with self._writing:
                        await self._send(output.frame)
                case Post():
                    self._actor.post(output.command)
                case Ask():
                    waiting[:0] = await self._ask(output)
                case OfferMedia():
                    waiting[:0] = await self._offer(output)
                case AnswerMedia():
                    waiting[:0] = await self._answer(output)
                case Candidate():
                    self._actor.candidate(self._session.sid, output.role, output.text)
                case RestartIce():
                    await self._actor.restart_ice(self._session.sid)
                case Replay():
                    self._actor.replay_data(self._session.sid, output.seen)
                case Refresh():
                    async with self._writing:
                        for frame in self._token():
                            await self._send(frame)
                case LimitBandwidth():
                    self._actor.limit_bandwidth(self._session.sid, output.bps)
                case DropOnResume() | Prefer():
                    self._remember(output)
                case Arrived() | SendOn():
                    log.error("nothing but news from the room leads to %s", output)
                case Close():
                    if output.reason:
                        log.info("%s: the connection ends: %s", self._session.sid, output.reason)
                    return False
                case _:
                    assert_never(output)
        return True

    async def _ask(self, ask: Ask) -> list[Output]:
        try:
            await self._actor.ask(ask.command)
        except RoomfulError as error:
            return self._session.asked(ask, error)
        async with self._writing:
            await self._tell_waiting_or_leave()
        return self._session.asked(ask, None)

    async def _offer(self, offer: OfferMedia) -> list[Output]:
        try:
            media = await self._actor.offer(self._session.sid, offer.sdp, offer.role)
        except RoomfulError as error:
            log.info("%s: media takes no offer: %s", self._session.sid, error.message)
            return self._session.media_failed(error)
        async with self._writing:
            # The answer speaks of participants and tracks: the client must hear of them first.
            await self._tell_waiting_or_leave()
            for output in self._session.answered(offer.offer_id, media):
                if isinstance(output, Send):
                    await self._send(output.frame)
        return []

    async def _answer(self, answer: AnswerMedia) -> list[Output]:
        try:
            await self._actor.answer(self._session.sid, answer.sdp, answer.offer_id)
        except RoomfulError as error:
            log.info("%s: media takes no answer: %s", self._session.sid, error.message)
            return self._session.media_failed(error)
        return []

    async def _tell_waiting_or_leave(self) -> None:
        if not await self._tell_waiting():
            raise SocketClosed

    async def _send(self, frame: bytes | str) -> None:
        async with asyncio.timeout(SEND_S):
            await self._socket.send(frame)

    def _token(self, room: str | None = None) -> list[bytes | str]:
        token = self._refresh(self._actor, room)
        return [] if token is None else _frames(self._session.refreshed(token))

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._socket.close()
        except TimeoutError:
            return


def _frames(outputs: Sequence[Output]) -> list[bytes | str]:
    return [output.frame for output in outputs if isinstance(output, Send)]
