"""A program's games, run over rooms: one task for each match, the room's data channels as its wire.

Filled by `Roomful.game`, told of happenings by `app`, sends through rooms' actors. What is said and decided is `roomful.game`'s.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from time import perf_counter
from typing import assert_never

from roomful.core.effects import (
    Happening,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RoomFinished,
    RoomGoverned,
    RoomStarted,
    TrackPublished,
    TrackUnpublished,
)
from roomful.core.errors import RoomfulError
from roomful.core.participant import Participant
from roomful.game.game import Game
from roomful.game.match import Match
from roomful.game.rules import GameRules
from roomful.game.wire import TOPIC
from roomful.ports import DataMessage, DataPassed
from roomful.service.actor import RoomActor
from roomful.service.directory import Directory

log = logging.getLogger("roomful.games")

LATE_TICKS = 15
"""Further behind than this, the world skips to now instead of running after it."""
MAX_FAILURES = 60
"""Ticks in a row that may fail before the match is given up."""

Decode = Callable[[bytes], DataMessage | None]
Encode = Callable[[bytes, bool, str, tuple[str, ...]], bytes]
"""(payload, reliable, packet id, identities) → a data packet of the game's topic."""
MakeGame = Callable[[], Game]


@dataclass(slots=True)
class Kind:
    pattern: str
    make: MakeGame
    rules: GameRules


@dataclass(slots=True)
class MatchStats:
    """Of the last ticks; `tick_ms` is what the program and the telling took together."""

    ticks: int = 0
    skipped: int = 0
    tick_ms: deque[float] = field(default_factory=lambda: deque[float](maxlen=1_024))

    def percentile(self, part: float) -> float:
        """Milliseconds; 0 before the first tick."""
        ordered = sorted(self.tick_ms)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


class Games:
    """All matches of this server. Its methods are called in the event loop's thread."""

    def __init__(self, decode: Decode, encode: Encode) -> None:
        self._decode = decode
        self._encode = encode
        self._kinds: list[Kind] = []
        self._directory: Directory | None = None
        self._matches: dict[str, _Running] = {}
        """By the room's sid."""

    def add(self, pattern: str, make: MakeGame, rules: GameRules) -> None:
        """Rooms whose name the pattern matches: `*` any characters, `?` one. The first pattern counts."""
        self._kinds.append(Kind(pattern, make, rules))

    def start(self, directory: Directory) -> None:
        self._directory = directory

    def stats(self, room: str) -> MatchStats | None:
        """Of a room's match, by the room's name; None when nothing is played there."""
        return next((one.stats for one in self._matches.values() if one.actor.info.name == room), None)

    def observe(self, happening: Happening) -> None:
        """Must not block or raise."""
        match happening:
            case ParticipantJoined(room, participant):
                running = self._matches.get(room.sid) or self._begin(room.name, room.sid)
                if running is not None and not participant.permission.can_publish_data:
                    running.watch(participant)
            case ParticipantLeft(room, participant):
                if running := self._matches.get(room.sid):
                    running.gone(participant)
            case RoomFinished(room):
                if running := self._matches.pop(room.sid, None):
                    running.cancel()
            case RoomStarted() | RoomGoverned() | ParticipantAborted() | TrackPublished() | TrackUnpublished():
                pass
            case _:
                assert_never(happening)

    async def stop(self) -> None:
        """Every match ends."""
        matches, self._matches = self._matches, {}
        for one in matches.values():
            one.cancel()
        await asyncio.gather(*(one.task for one in matches.values()), return_exceptions=True)

    def _begin(self, name: str, sid: str) -> _Running | None:
        kind = next((one for one in self._kinds if fnmatchcase(name, one.pattern)), None)
        actor = self._directory.get(name) if self._directory else None
        if kind is None or actor is None:
            return None
        running = self._matches[sid] = _Running(actor, kind, self._decode, self._encode)
        return running


class _Running:
    """A room and its match; when one match ends, the next hello begins another."""

    def __init__(self, actor: RoomActor, kind: Kind, decode: Decode, encode: Encode) -> None:
        self.actor = actor
        self.stats = MatchStats()
        self._kind = kind
        self._decode = decode
        self._encode = encode
        self._match: Match | None = None
        self._wake = asyncio.Event()
        self._packets = 0
        self._unlisten = actor.listen_data(self._hear)
        self.task = asyncio.create_task(self._run(), name=f"game in {actor.info.name}")

    def cancel(self) -> None:
        self._unlisten_once()
        self.task.cancel()

    def _unlisten_once(self) -> None:
        unlisten, self._unlisten = self._unlisten, _nothing
        unlisten()

    def watch(self, participant: Participant) -> None:
        if (playing := self._play()) is not None:
            playing.watch(participant.sid)

    def gone(self, participant: Participant) -> None:
        if self._match is not None:
            self._match.gone(participant.sid, _now_ms())

    def _hear(self, packet: DataPassed) -> None:
        message = self._decode(packet.packet)
        if message is None or message.topic != TOPIC:
            return
        participant = self.actor.participant(packet.participant)
        playing = self._play() if participant is not None else None
        if participant is None or playing is None:
            return
        name = participant.name or participant.identity
        try:
            playing.hear(participant.sid, participant.identity, name, message.payload, _now_ms())
        except Exception:
            log.exception("the game in %s failed over what %s sent", self.actor.info.name, participant.identity)

    def _play(self) -> Match | None:
        """The match there is, or a new one."""
        if self._match is None:
            rules = self._kind.rules
            seed = secrets.randbits(64) if rules.seed is None else rules.seed
            try:
                self._match = Match(self._kind.make(), rules, self.actor.info.name, seed)
            except Exception:
                log.exception("a game in %s could not begin", self.actor.info.name)
                return None
            self._wake.set()
        return self._match

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if (playing := self._match) is not None:
                await self._ticks(playing)
                self._match = None

    async def _ticks(self, playing: Match) -> None:
        loop = asyncio.get_running_loop()
        step = 1 / playing.rules.ticks
        due, failures = loop.time(), 0
        while (not playing.over and not playing.empty) or playing.number == 0:
            due += step
            behind = loop.time() - due
            if behind > LATE_TICKS * step:
                self.stats.skipped += int(behind / step)
                due = loop.time()
            await asyncio.sleep(max(0.0, due - loop.time()))
            began = perf_counter()
            try:
                playing.tick(_now_ms())
                failures = 0
            except Exception:
                failures += 1
                if failures == 1:
                    log.exception("the game in %s failed at tick %s", self.actor.info.name, playing.number)
                if failures >= MAX_FAILURES:
                    log.error("the game in %s is given up after %s failures", self.actor.info.name, failures)
                    return
            if not self._send(playing):
                return
            self.stats.ticks += 1
            self.stats.tick_ms.append((perf_counter() - began) * 1_000)

    def _send(self, playing: Match) -> bool:
        """False when the room is gone."""
        try:
            for out in playing.take():
                self._packets += 1
                packet_id = f"game-{self._packets}" if out.reliable else ""
                packet = self._encode(out.payload, out.reliable, packet_id, ())
                self.actor.send_data(packet, "reliable" if out.reliable else "lossy", out.to)
        except RoomfulError:
            return False
        return True


def _nothing() -> None:
    pass


def _now_ms() -> float:
    return perf_counter() * 1_000
