"""Chat that people say in a room in their client's own protocol: put together from its packets, judged by the hook, kept.

One `Overheard` for each room, called by its actor. Without a hook nothing waits for Python: packets go by and are kept after. With one,
each message waits for the verdict; what is refused reaches nobody, what is changed is said anew by the server in its sender's name.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from roomful.core.chat import MAX_TEXT
from roomful.core.errors import RoomfulError
from roomful.core.participant import Participant
from roomful.ports.chat import ChatRequest, Opened, Part, Said
from roomful.service.actor import RoomActor
from roomful.service.chat import Chat

log = logging.getLogger("roomful.chat")

MAX_OPEN = 64
"""Streams of one person that have begun and not ended."""
MAX_WAITING = 1_000
"""Messages of a room that wait for a hook or the database; more are not kept, and refused where a hook decides."""


@dataclass(slots=True)
class _Stream:
    said: Said
    hold: int | None
    content: bytearray = field(default_factory=bytearray)


class Overheard:
    """Implements `service.ear.Ear`."""

    def __init__(self, actor: RoomActor, chat: Chat) -> None:
        self._actor = actor
        self._chat = chat
        self._holds = chat.hooks.wants_chat
        self._open: dict[str, OrderedDict[str, _Stream]] = {}
        self._line: asyncio.Queue[tuple[Said, str, int | None]] = asyncio.Queue(MAX_WAITING)
        self._keeping: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        return self._chat.wire.topics

    @property
    def holds(self) -> bool:
        return self._holds

    def seen(self, participant: Participant, packet: bytes) -> None:
        match self._chat.wire.read(packet):
            case Part() as part:
                self._more(participant, part)
            case Opened() as opened:
                self._begin(participant, opened, None)
            case Said() as said:
                self._said(said, None)
            case None:
                pass

    def held(self, participant: Participant, hold: int, packet: bytes) -> None:
        match self._chat.wire.read(packet):
            case Opened() as opened:
                self._begin(participant, opened, hold)
            case Said() as said:
                self._said(said, hold)
            case _:
                self._actor.decide(hold, verdict=True)

    def left(self, participant: str) -> None:
        self._open.pop(participant, None)

    def close(self) -> None:
        self._open.clear()
        if self._worker is not None:
            self._worker.cancel()
        while not self._line.empty():
            said, name, hold = self._line.get_nowait()
            # What everybody has heard is kept; what waited for a verdict was heard by nobody.
            if hold is None:
                self._keep(said, name)

    # Streams

    def _begin(self, participant: Participant, opened: Opened, hold: int | None) -> None:
        streams = self._open.setdefault(participant.sid, OrderedDict())
        if len(streams) >= MAX_OPEN:
            _, oldest = streams.popitem(last=False)
            self._refuse(oldest.hold)
        streams[opened.stream] = _Stream(opened.said, hold)

    def _more(self, participant: Participant, part: Part) -> None:
        streams = self._open.get(participant.sid, OrderedDict())
        if (stream := streams.get(part.stream)) is None:
            return
        stream.content += part.content
        if part.broken or len(stream.content) > MAX_TEXT:
            del streams[part.stream]
            self._refuse(stream.hold)
        elif part.ends:
            del streams[part.stream]
            text = stream.content.decode("utf-8", "replace")
            self._said(replace(stream.said, text=stream.said.text or text), stream.hold)

    def _refuse(self, hold: int | None) -> None:
        if hold is not None:
            self._actor.decide(hold, verdict=False)

    # Messages

    def _said(self, said: Said, hold: int | None) -> None:
        speaker = self._actor.by_identity(said.sender)
        if self._line.full():
            log.warning("room %s: more chat than can be kept", self._actor.info.name)
            self._refuse(hold)
            return
        self._line.put_nowait((said, speaker.name if speaker else "", hold))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name=f"chat of {self._actor.info.name}")

    async def _work(self) -> None:
        while True:
            said, name, hold = await self._line.get()
            try:
                heard = said if hold is None else await self._judge(said, name, hold)
            except RoomfulError:
                self._refuse(hold)
                continue
            self._keep(heard, name)
            if len(self._keeping) >= MAX_WAITING:
                await asyncio.wait(self._keeping, return_when=asyncio.FIRST_COMPLETED)

    def _keep(self, said: Said, name: str) -> None:
        """Begun in order, they reach the database's queue in order; none waits for another's sync of the disk."""
        if said.to or not said.sender:
            return
        task = asyncio.create_task(self._chat.heard(self._actor.info.name, said, name))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _judge(self, said: Said, name: str, hold: int) -> Said:
        """Lets it go, or says it otherwise. Raises Denied. Signs and deletions are nobody's words: they just go."""
        if said.kind not in ("post", "edit"):
            self._actor.decide(hold, verdict=True)
            return said
        request = ChatRequest(
            self._actor.info.name, said.id, said.sender, name, said.text, said.reply_to,
            edits=said.kind == "edit", private=bool(said.to),
        )  # fmt: skip
        text = await self._chat.hooks.judge(request)
        self._actor.decide(hold, verdict=text == said.text)
        if text != said.text:
            said = replace(said, text=text)
            self._say(said)
        return said

    def _say(self, said: Said) -> None:
        """In the sender's name, to those it was for."""
        actor = self._actor
        speaker = actor.by_identity(said.sender)
        wanted = [one.sid for one in actor.participants() if not said.to or one.identity in said.to]
        others = tuple(sid for sid in wanted if speaker is None or sid != speaker.sid)
        if not others:
            return
        at_ms = self._chat.now_ms()
        for packet in self._chat.wire.write(said, speaker.sid if speaker else "", at_ms, changed=said.kind == "edit"):
            actor.send_data(packet, "reliable", others)
