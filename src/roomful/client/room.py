"""A participant of a room in Python: a client of LiveKit's protocol on `roomful.rtc`. Called by programs and bots.

    room = await connect("ws://127.0.0.1:7880", token)
    await room.publish(VideoSource())
    async for track in room.tracks():
        async for frame in track.frames(): ...

Two peer connections, as LiveKit's protocol has them: one that we offer and send on, one that the server offers and sends on. Knows
nothing of the server's own code. Does not come back by itself when the network was away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from livekit.protocol import models, rtc
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import InvalidHandshake, WebSocketException

from roomful.rtc import (
    EncodedFrame,
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RtcError,
    RTCIceServer,
    RTCPeerConnection,
)
from roomful.rtc.events import EventTarget
from roomful.rtc.media import Source

JOIN_S = 15.0
"""How long joining, and publishing, may take."""
PROTOCOL = "15"
MOST_TRACKS = 1024


class RoomError(RtcError):
    """What the server refused, or a room that ended."""

    code = "room"


@dataclass(frozen=True, slots=True)
class DataReceived:
    """What somebody sent."""

    data: bytes
    topic: str
    sender: str
    """Identity; empty for the server."""


@dataclass(slots=True)
class RemoteParticipant:
    """Somebody else in the room, as the server last told."""

    sid: str
    identity: str
    name: str
    metadata: str = ""
    tracks: dict[str, models.TrackInfo] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class RoomTrack:
    """A track of somebody's that arrives here."""

    sid: str
    name: str
    participant: RemoteParticipant
    media: MediaStreamTrack

    @property
    def kind(self) -> str:
        """`audio` or `video`"""
        return self.media.kind

    def frames(self) -> AsyncGenerator[Any, None]:
        """Decoded, by PyAV."""
        return self.media.frames()

    def encoded(self) -> AsyncGenerator[EncodedFrame, None]:
        """As they are coded."""
        return self.media.encoded()


async def connect(url: str, token: str) -> Room:
    """Joins the room that a token is for.

    Args:
        url: Of the server, `ws://…` or `wss://…` (`http` too).
        token: An access token.

    Raises:
        RoomError: Refused, or not there.
    """
    base = url.rstrip("/").replace("http", "ws", 1) if url.startswith("http") else url.rstrip("/")
    query = urlencode({"access_token": token, "protocol": PROTOCOL, "auto_subscribe": "1", "sdk": "python"})
    try:
        async with asyncio.timeout(JOIN_S):
            socket = await dial(f"{base}/rtc?{query}", max_size=4 << 20)
            first = rtc.SignalResponse.FromString(_bytes(await socket.recv()))
    except (OSError, TimeoutError, InvalidHandshake, WebSocketException) as error:
        raise RoomError(f"the room cannot be joined: {error}", code="refused") from error
    if first.WhichOneof("message") != "join":
        await socket.close()
        raise RoomError("the server did not let us in", code="refused")
    return Room(socket, first.join)


class Room(EventTarget):
    """A room that was joined. `await close()` it in the end, or use `async with`.

    Events: `track` (RoomTrack), `data` (DataReceived), `participant_joined`, `participant_left` (RemoteParticipant), `closed`.
    """

    def __init__(self, socket: ClientConnection, join: rtc.JoinResponse) -> None:
        super().__init__()
        self.name: str = join.room.name
        self.identity: str = join.participant.identity
        self.participants: dict[str, RemoteParticipant] = {}
        """By identity."""
        self.closed = False
        self._socket = socket
        servers = [RTCIceServer(list(s.urls), s.username or None, s.credential or None) for s in join.ice_servers]
        usable = [s for s in servers if s.username or all(url.startswith("stun") for url in s.urls)]
        configuration = RTCConfiguration(iceServers=usable)
        self._publisher = RTCPeerConnection(configuration)
        self._subscriber = RTCPeerConnection(configuration)
        self._reliable = self._publisher.createDataChannel("_reliable")
        self._lossy = self._publisher.createDataChannel("_lossy", ordered=False, maxRetransmits=0)
        self._tracks: dict[str, RoomTrack] = {}
        self._arrived: asyncio.Queue[RoomTrack | None] = asyncio.Queue(MOST_TRACKS)
        self._answered: asyncio.Future[rtc.SessionDescription] | None = None
        self._published: dict[str, asyncio.Future[models.TrackInfo]] = {}
        self._publishing = asyncio.Lock()
        for target, pc in (
            (rtc.SignalTarget.PUBLISHER, self._publisher),
            (rtc.SignalTarget.SUBSCRIBER, self._subscriber),
        ):
            self._trickle(target, pc)
        self._subscriber.on("datachannel", self._channel)
        for one in join.other_participants:
            self._person(one)
        interval = join.ping_interval or 10
        self._jobs = [asyncio.create_task(self._follow()), asyncio.create_task(self._ping(interval))]

    async def __aenter__(self) -> Room:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def publish(self, source: Source, *, name: str = "", codecs: Sequence[str] = ()) -> str:
        """Sends a source to the room; returns the track's id. Raises RoomError when it is refused."""
        self._check()
        async with self._publishing:
            sender = self._publisher.addTransceiver(source, direction="sendonly", codecs=codecs, stream="-").sender
            video = source.kind == "video"
            asked = rtc.AddTrackRequest(
                cid=sender.id,
                name=name or source.kind,
                type=models.TrackType.VIDEO if video else models.TrackType.AUDIO,
                source=models.TrackSource.CAMERA if video else models.TrackSource.MICROPHONE,
            )
            published = self._published[sender.id] = asyncio.get_running_loop().create_future()
            await self._say(rtc.SignalRequest(add_track=asked))
            try:
                async with asyncio.timeout(JOIN_S):
                    track = await published
                    await self._offer()
                    await self._publisher.connected(JOIN_S)
            except TimeoutError:
                raise RoomError("the server did not take the track in time", code="timeout") from None
            finally:
                self._published.pop(sender.id, None)
            return str(track.sid)

    async def send_data(self, data: bytes, *, topic: str = "", to: Sequence[str] = (), reliable: bool = True) -> None:
        """Sends bytes to everybody, or to those identities. Waits while much is on its way."""
        self._check()
        channel = self._reliable if reliable else self._lossy
        if channel.readyState == "connecting" and self._publisher.localDescription is None:
            async with self._publishing:
                if self._publisher.localDescription is None:
                    await self._offer()
        await channel.opened()
        packet = models.DataPacket(
            kind=models.DataPacket.RELIABLE if reliable else models.DataPacket.LOSSY,
            user=models.UserPacket(payload=data, topic=topic or None),
            destination_identities=list(to),
        )
        channel.send(packet.SerializeToString())
        await channel.drain()

    async def tracks(self) -> AsyncIterator[RoomTrack]:
        """Tracks as they arrive, those that are there already first, until the room ends. One reader at a time."""
        while (track := await self._arrived.get()) is not None:
            yield track

    async def close(self) -> None:
        """Leaves."""
        if self.closed:
            return
        self.closed = True
        for job in self._jobs:
            job.cancel()
        with contextlib.suppress(WebSocketException):  # it may be gone already
            await self._socket.send(rtc.SignalRequest(leave=rtc.LeaveRequest()).SerializeToString())
        await self._socket.close()
        await self._publisher.close()
        await self._subscriber.close()
        for waiting in self._published.values():
            if not waiting.done():
                waiting.set_exception(RoomError("the room ended", code="closed"))
        if self._arrived.full():
            self._arrived.get_nowait()
        self._arrived.put_nowait(None)
        self._emit("closed")

    def _check(self) -> None:
        if self.closed:
            raise RoomError("the room was left", code="closed")

    # Signaling.

    async def _say(self, request: rtc.SignalRequest) -> None:
        try:
            await self._socket.send(request.SerializeToString())
        except WebSocketException as error:
            raise RoomError(f"the connection to the server ended: {error}", code="closed") from error

    def _trickle(self, target: Any, pc: RTCPeerConnection) -> None:
        async def told(candidate: Any) -> None:
            if candidate is not None and not self.closed:
                init = json.dumps(candidate.toJSON())
                await self._say(rtc.SignalRequest(trickle=rtc.TrickleRequest(candidateInit=init, target=target)))

        pc.on("icecandidate", told)

    async def _offer(self) -> None:
        answered = self._answered = asyncio.get_running_loop().create_future()
        offer = await self._publisher.createOffer()
        await self._publisher.setLocalDescription(offer)
        await self._say(rtc.SignalRequest(offer=rtc.SessionDescription(type="offer", sdp=offer.sdp)))
        async with asyncio.timeout(JOIN_S):
            answer = await answered
        await self._publisher.setRemoteDescription({"type": "answer", "sdp": answer.sdp})

    async def _ping(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            await self._say(rtc.SignalRequest(ping_req=rtc.Ping(timestamp=int(time.time() * 1000))))

    async def _follow(self) -> None:
        try:
            async for message in self._socket:
                await self._take(rtc.SignalResponse.FromString(_bytes(message)))
        except (WebSocketException, RtcError):
            pass
        if not self.closed:
            # A task of its own: closing cancels this one.
            self._ending = asyncio.create_task(self.close())

    async def _take(self, response: rtc.SignalResponse) -> None:
        match response.WhichOneof("message"):
            case "offer":
                await self._take_offer(response.offer)
            case "answer":
                if self._answered is not None and not self._answered.done():
                    self._answered.set_result(response.answer)
            case "trickle":
                told = response.trickle
                pc = self._publisher if told.target == rtc.SignalTarget.PUBLISHER else self._subscriber
                await pc.addIceCandidate(json.loads(told.candidateInit))
            case "track_published":
                waiting = self._published.get(response.track_published.cid)
                if waiting is not None and not waiting.done():
                    waiting.set_result(response.track_published.track)
            case "update":
                for one in response.update.participants:
                    self._person(one)
            case "leave":
                self._ending = asyncio.create_task(self.close())
            case _:
                pass  # qualities, speakers and the like are for other clients

    async def _take_offer(self, offer: rtc.SessionDescription) -> None:
        await self._subscriber.setRemoteDescription({"type": "offer", "sdp": offer.sdp})
        answer = await self._subscriber.createAnswer()
        await self._subscriber.setLocalDescription(answer)
        said = rtc.SessionDescription(type="answer", sdp=answer.sdp, id=offer.id)
        await self._say(rtc.SignalRequest(answer=said))
        for transceiver in self._subscriber.getTransceivers():
            if transceiver.mid is None or transceiver.currentDirection not in ("recvonly", "sendrecv"):
                continue
            person, sid = _named(offer.sdp, transceiver.mid)
            if sid and sid not in self._tracks:
                self._track(person, sid, transceiver.receiver.track)

    def _track(self, person: str, sid: str, media: MediaStreamTrack) -> None:
        owner = next((one for one in self.participants.values() if one.sid == person or sid in one.tracks), None)
        if owner is None:
            owner = RemoteParticipant(person, "", "")
        info = owner.tracks.get(sid)
        track = self._tracks[sid] = RoomTrack(sid, info.name if info is not None else "", owner, media)
        if not self._arrived.full():
            self._arrived.put_nowait(track)
        self._emit("track", track, track=track)

    def _person(self, told: models.ParticipantInfo) -> None:
        if told.identity == self.identity:
            return
        if told.state == models.ParticipantInfo.DISCONNECTED:
            if (gone := self.participants.pop(told.identity, None)) is not None:
                for sid in gone.tracks:
                    self._tracks.pop(sid, None)
                self._emit("participant_left", gone)
            return
        known = self.participants.get(told.identity)
        if known is None:
            known = self.participants[told.identity] = RemoteParticipant(told.sid, told.identity, told.name)
            self._emit("participant_joined", known)
        known.sid, known.name, known.metadata = told.sid, told.name, told.metadata
        tracks = {track.sid: track for track in told.tracks}
        for sid in known.tracks.keys() - tracks.keys():
            self._tracks.pop(sid, None)
        known.tracks = tracks

    def _channel(self, channel: RTCDataChannel) -> None:
        def heard(message: str | bytes) -> None:
            packet = models.DataPacket.FromString(message.encode() if isinstance(message, str) else message)
            if packet.WhichOneof("value") == "user":
                sender = packet.participant_identity or packet.user.participant_identity
                told = DataReceived(packet.user.payload, packet.user.topic, sender)
                self._emit("data", told, data=told)

        channel.on("message", heard)


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _named(sdp: str, mid: str) -> tuple[str, str]:
    """Participant and track of a section: the two halves of its `a=msid`."""
    for section in sdp.split("\nm=")[1:]:
        lines = [line.strip() for line in section.splitlines()]
        if f"a=mid:{mid}" not in lines:
            continue
        for line in lines:
            if line.startswith("a=msid:"):
                stream, _, track = line.removeprefix("a=msid:").partition(" ")
                return stream.partition("|")[0], track
    return "", ""
