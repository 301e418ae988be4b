"""`RTCPeerConnection`: W3C's names and aiortc's habits around one peer of the native thread.

Descriptions, states and candidates are kept here as the native side tells them; everything is decided there.

Without a listener for `icecandidate`, `setLocalDescription` waits until candidates are gathered, so that `localDescription` can be
sent as it is (as with aiortc); with one it returns at once, and candidates trickle (as in browsers).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast
from uuid import uuid4

from roomful._native import rtc as native
from roomful.rtc.channel import RTCDataChannel, RTCDataChannelParameters
from roomful.rtc.description import (
    RTCConfiguration,
    RTCIceCandidate,
    RTCSessionDescription,
    read_servers,
)
from roomful.rtc.errors import ConnectionFailed, InvalidStateError, OperationError, error_of
from roomful.rtc.events import EventTarget
from roomful.rtc.media import (
    Direction,
    Kind,
    MediaStreamTrack,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    Source,
    ways,
)
from roomful.rtc.peers import Peers, of_running_loop, requests

ConnectionState = Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]
IceConnectionState = Literal["new", "checking", "connected", "completed", "disconnected", "failed", "closed"]
IceGatheringState = Literal["new", "gathering", "complete"]
SignalingState = Literal["stable", "have-local-offer", "have-remote-offer", "closed"]

MOST_TEXT = 256
"""Bytes of a channel's label, and of its protocol."""
MOST_CHANNELS = 1024


class RTCPeerConnection(EventTarget):
    """A connection to one peer. Make it where an event loop runs, and `await close()` it in the end (or use `async with`).

    Events: `datachannel`, `track`, `icecandidate`, `negotiationneeded`, `connectionstatechange`, `iceconnectionstatechange`,
    `icegatheringstatechange`, `signalingstatechange`.
    """

    ondatachannel: Callable[..., Any] | None = None
    ontrack: Callable[..., Any] | None = None
    onicecandidate: Callable[..., Any] | None = None
    onnegotiationneeded: Callable[..., Any] | None = None
    onconnectionstatechange: Callable[..., Any] | None = None
    oniceconnectionstatechange: Callable[..., Any] | None = None
    onicegatheringstatechange: Callable[..., Any] | None = None
    onsignalingstatechange: Callable[..., Any] | None = None

    def __init__(self, configuration: RTCConfiguration | None = None) -> None:
        """Raises ValueError for servers that make no sense, OperationError where no address can be used."""
        super().__init__()
        self._configuration = configuration or RTCConfiguration()
        self._servers = read_servers(self._configuration.iceServers)
        self._peers: Peers = of_running_loop()
        self._channels: dict[int, RTCDataChannel] = {}
        self._transceivers: dict[int, RTCRtpTransceiver] = {}
        self._next_key = 0
        self._next_transceiver = 0
        self._asked: dict[int, asyncio.Future[str | None]] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self._closed = False
        self._trouble = ""
        self._connection: ConnectionState = "new"
        self._ice: IceConnectionState = "new"
        self._gathering: IceGatheringState = "new"
        self._signaling: SignalingState = "stable"
        self._descriptions: tuple[tuple[str, str] | None, ...] = (None, None, None, None)
        try:
            self._peer = self._peers.native.open(
                relay_only=self._configuration.iceTransportPolicy == "relay",
                addresses=list(self._configuration.addresses),
            )
        except native.RtcError as error:
            self._peers.leave()
            raise error_of(error.code, str(error)) from None
        self._peers.add(self._peer, self)

    # States.

    @property
    def connectionState(self) -> ConnectionState:
        return self._connection

    @property
    def iceConnectionState(self) -> IceConnectionState:
        return self._ice

    @property
    def iceGatheringState(self) -> IceGatheringState:
        return self._gathering

    @property
    def signalingState(self) -> SignalingState:
        return self._signaling

    @property
    def currentLocalDescription(self) -> RTCSessionDescription | None:
        return self._described(0)

    @property
    def pendingLocalDescription(self) -> RTCSessionDescription | None:
        return self._described(1)

    @property
    def localDescription(self) -> RTCSessionDescription | None:
        """Ours, with the candidates that are known by now: what is proposed, else what stands."""
        return self._described(1) or self._described(0)

    @property
    def currentRemoteDescription(self) -> RTCSessionDescription | None:
        return self._described(2)

    @property
    def pendingRemoteDescription(self) -> RTCSessionDescription | None:
        return self._described(3)

    @property
    def remoteDescription(self) -> RTCSessionDescription | None:
        """Theirs: what is proposed, else what stands."""
        return self._described(3) or self._described(2)

    def _described(self, at: int) -> RTCSessionDescription | None:
        if (told := self._descriptions[at]) is None:
            return None
        return RTCSessionDescription(sdp=told[1], type=told[0])

    def getConfiguration(self) -> RTCConfiguration:
        return self._configuration

    # Offer and answer.

    async def createOffer(self, *, iceRestart: bool = False) -> RTCSessionDescription:
        """An offer of what is wanted. Raises InvalidStateError when there is nothing to offer, or an offer waits for an answer."""
        sdp = await self._ask("create_offer", "restart" if iceRestart else None)
        return RTCSessionDescription(sdp=sdp or "", type="offer")

    async def createAnswer(self) -> RTCSessionDescription:
        """The answer to the peer's offer. Raises InvalidStateError without one."""
        sdp = await self._ask("create_answer")
        return RTCSessionDescription(sdp=sdp or "", type="answer")

    async def setLocalDescription(self, description: RTCSessionDescription | Mapping[str, Any] | None = None) -> None:
        """Takes what `createOffer` or `createAnswer` made; without an argument makes the one that fits.

        Raises:
            InvalidStateError: The state has no place for it.
            InvalidModificationError: It was changed after it was made.
        """
        if description is None:
            await self._ask("set_local")
        else:
            description = _description(description)
            if description.type == "rollback":
                await self._ask("rollback")
                return
            await self._ask("set_local", description.type, description.sdp)
        if not self.listens("icecandidate"):
            await self._gathered()

    async def setRemoteDescription(self, description: RTCSessionDescription | Mapping[str, Any]) -> None:
        """Takes what the peer made. An offer of ours that waits for an answer gives way to the peer's (perfect negotiation).

        Raises:
            SessionDescriptionError: It cannot be read; the message names the line.
            InvalidAccessError: It does not fit what was agreed on, or lacks credentials.
            InvalidStateError: An answer to nothing.
        """
        description = _description(description)
        if description.type == "rollback":
            await self._ask("rollback")
            return
        await self._ask("set_remote", description.type, description.sdp)

    async def addIceCandidate(self, candidate: RTCIceCandidate | Mapping[str, Any] | str | None) -> None:
        """A candidate of the peer's; None or an empty one is the end of them. Names (mDNS) and TCP are passed over.

        Raises:
            SessionDescriptionError: It cannot be read.
            InvalidStateError: The peer's description is not there yet.
        """
        if candidate is None:
            candidate = ""
        if isinstance(candidate, str):
            candidate = RTCIceCandidate(candidate)
        elif not isinstance(candidate, RTCIceCandidate):
            candidate = RTCIceCandidate.fromJSON(candidate)
        await self._ask("add_candidate", candidate.usernameFragment, candidate.candidate)

    def restartIce(self) -> None:
        """The next offer begins ICE anew; `negotiationneeded` tells that one is due."""
        if not self._closed:
            self._peers.native.restart_ice(self._peer)

    # Channels.

    def createDataChannel(
        self,
        label: str,
        *,
        ordered: bool = True,
        maxPacketLifeTime: int | None = None,
        maxRetransmits: int | None = None,
        protocol: str = "",
        negotiated: bool = False,
        id: int | None = None,
    ) -> RTCDataChannel:
        """A channel. It opens when the connection is there; what is sent before waits.

        Args:
            label: For the application, at most 256 bytes, as `protocol`.
            ordered: Whether messages arrive in order.
            maxPacketLifeTime: A message is sent again for so long, ms; for ever when neither this nor the next is given.
            maxRetransmits: A message is sent again so often.
            protocol: For the application.
            negotiated: Both sides make the channel, with the same `id`, and nothing is said on the wire.
            id: 0 to 65534.

        Raises:
            InvalidStateError: The connection is closed.
            ValueError: Arguments that exclude each other or are out of range.
        """
        if self._closed:
            raise InvalidStateError("the connection is closed")
        parameters = RTCDataChannelParameters(
            label, ordered, maxPacketLifeTime, maxRetransmits, protocol, negotiated, id if negotiated else None
        )
        _check_channel(parameters, id)
        if len(self._channels) >= MOST_CHANNELS:
            raise InvalidStateError(f"there are {MOST_CHANNELS} channels already")
        key = self._next_key
        self._next_key += 1
        line = self._peers.native.open_channel(
            self._peer, key, label,
            protocol=protocol, ordered=ordered, max_retransmits=maxRetransmits, max_lifetime_ms=maxPacketLifeTime,
            id=parameters.id,
        )  # fmt: skip
        channel = self._channels[key] = RTCDataChannel(line, parameters)
        return channel

    # Sound and video.

    def addTransceiver(
        self,
        trackOrKind: Kind | Source,
        *,
        direction: Direction = "sendrecv",
        codecs: Sequence[str] = (),
        stream: str = "-",
    ) -> RTCRtpTransceiver:
        """A section of sound or video.

        Args:
            trackOrKind: A source to send, or `audio` or `video` for coded frames by `sender.send_encoded`.
            direction: Ours.
            codecs: `opus`; `VP8`, `H264`: best first, all without any.
            stream: What the peer may group tracks by.

        Raises:
            InvalidStateError: The connection is closed.
            ValueError: An unknown kind, direction or codec.
        """
        if self._closed:
            raise InvalidStateError("the connection is closed")
        source = None if isinstance(trackOrKind, str) else trackOrKind
        kind: Kind = trackOrKind if isinstance(trackOrKind, str) else trackOrKind.kind
        sends, receives = ways(direction)
        key = self._next_transceiver
        number = uuid4().hex
        self._peers.native.add_transceiver(self._peer, key, kind, sends, receives, list(codecs), stream, number)
        self._next_transceiver += 1
        made = self._transceiver(key, kind, direction)
        made.sender.id = number
        if source is not None:
            made.sender.replaceTrack(source)
        return made

    def addTrack(self, track: Source) -> RTCRtpSender:
        """Sends a source, in a section of its own that the peer may send in as well."""
        return self.addTransceiver(track).sender

    def getTransceivers(self) -> list[RTCRtpTransceiver]:
        return list(self._transceivers.values())

    def getSenders(self) -> list[RTCRtpSender]:
        return [one.sender for one in self._transceivers.values()]

    def getReceivers(self) -> list[RTCRtpReceiver]:
        return [one.receiver for one in self._transceivers.values()]

    def _transceiver(self, key: int, kind: Kind, direction: Direction) -> RTCRtpTransceiver:
        def send(data: bytes, timestamp: int) -> None:
            if self._closed:
                raise InvalidStateError("the connection is closed")
            self._peers.native.send_frame(self._peer, key, data, timestamp)

        def want_key() -> None:
            if not self._closed:
                self._peers.native.want_key(self._peer, key)

        def turn(key: int, direction: Direction) -> None:
            if not self._closed:
                self._peers.native.set_direction(self._peer, key, *ways(direction))

        track = MediaStreamTrack(kind, want_key, uuid4().hex)
        made = RTCRtpTransceiver(key, direction, RTCRtpSender(kind, send), RTCRtpReceiver(track), turn)
        self._transceivers[key] = made
        return made

    def _came(self, key: int, stream: str) -> None:
        """The peer sends in this section: told once."""
        one = self._transceivers[key]
        if not one._told:  # pyright: ignore[reportPrivateUsage]
            one._told = True  # pyright: ignore[reportPrivateUsage]
            track, streams = one.receiver.track, (stream,) if stream and stream != "-" else ()
            self._emit("track", track, track=track, receiver=one.receiver, transceiver=one, streams=streams)

    # Ends.

    async def close(self) -> None:
        """Ends the connection, and its channels, at once. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        for channel in list(self._channels.values()):
            channel._closed(None)  # pyright: ignore[reportPrivateUsage]
        self._channels.clear()
        for one in self._transceivers.values():
            one._end()  # pyright: ignore[reportPrivateUsage]
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(InvalidStateError("the connection is closed"))
        self._asked.clear()
        self._peers.remove(self._peer)
        self._set("_ice", "closed", "iceconnectionstatechange")
        self._set("_signaling", "closed", "signalingstatechange")
        self._set("_connection", "closed", "connectionstatechange")

    async def __aenter__(self) -> RTCPeerConnection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connected(self, timeout_s: float = 30.0) -> None:
        """Waits for `connectionState` to become `connected`. Raises ConnectionFailed when it will not, TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self._connection != "connected":
                if self._connection in ("failed", "closed"):
                    raise ConnectionFailed(self._trouble or f"the connection is {self._connection}")
                await self._turn()

    async def _find_servers(self) -> None:
        """Their names become numbers, once, before the first description."""
        if not self._servers:
            return
        servers, self._servers = self._servers, []
        loop = asyncio.get_running_loop()
        found: list[tuple[str, int, str | None, str | None]] = []
        for server in servers:
            try:
                hosts = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
            except OSError as error:
                self._servers = servers
                raise OperationError(f"the ice server {server.host!r} cannot be found: {error}") from None
            for host in dict.fromkeys(str(entry[4][0]) for entry in hosts):
                found.append((host, server.port, server.username, server.credential))
        if not self._closed:
            self._peers.native.set_servers(self._peer, found)

    # The native side.

    async def _ask(self, what: str, word: str | None = None, text: str | None = None) -> str | None:
        if self._closed:
            raise InvalidStateError("the connection is closed")
        await self._find_servers()
        request = next(requests)
        answered = self._asked[request] = asyncio.get_running_loop().create_future()
        try:
            self._peers.native.ask(self._peer, request, what, word, text)
            return await answered
        finally:
            self._asked.pop(request, None)

    async def _gathered(self) -> None:
        try:
            async with asyncio.timeout(self._configuration.gather_timeout_s):
                while self._gathering != "complete" and not self._closed:
                    await self._turn()
        except TimeoutError:
            return  # what was found by now will do

    async def _turn(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _set(self, name: str, value: str, event: str) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._emit(event)

    def _told(self, name: str, values: tuple[Any, ...]) -> None:
        match name:
            case "messages":
                if (channel := self._channels.get(values[0])) is not None:
                    channel._took(values[1])  # pyright: ignore[reportPrivateUsage]
            case "buffered":
                if (channel := self._channels.get(values[0])) is not None:
                    channel._fell(values[1])  # pyright: ignore[reportPrivateUsage]
            case "frames":
                if (one := self._transceivers.get(values[0])) is not None:
                    one.receiver.track._took(values[1])  # pyright: ignore[reportPrivateUsage]
            case "transceiver":
                self._transceiver(values[0], values[1], "recvonly")
                if values[2]:
                    self._came(values[0], "")
            case "media":
                key, mid, sends, receives, codec, stream = values
                if (one := self._transceivers.get(key)) is not None:
                    one._agreed(mid, sends, receives, codec)  # pyright: ignore[reportPrivateUsage]
                    if receives:
                        self._came(key, stream)
            case "key_frame_wanted":
                if (one := self._transceivers.get(values[0])) is not None:
                    one.sender._key_frame_wanted()  # pyright: ignore[reportPrivateUsage]
            case "media_ended":
                if (one := self._transceivers.get(values[0])) is not None:
                    one._end()  # pyright: ignore[reportPrivateUsage]
            case "reply":
                self._replied(*values)
            case "signaling":
                self._descriptions = cast("tuple[tuple[str, str] | None, ...]", values[1:])
                self._set("_signaling", values[0], "signalingstatechange")
            case "negotiation_needed":
                self._emit("negotiationneeded")
            case "candidate":
                self._candidate(*values)
            case "gathering":
                self._set("_gathering", values[0], "icegatheringstatechange")
                self._complete()
            case "ice":
                self._set("_ice", "checking" if values[0] == "connecting" else values[0], "iceconnectionstatechange")
                self._complete()
            case "connection":
                self._set("_connection", values[0], "connectionstatechange")
            case "trouble":
                self._trouble = values[0]
            case "channel":
                self._incoming(*values)
            case "open":
                if (channel := self._channels.get(values[0])) is not None:
                    channel._opened(values[1])  # pyright: ignore[reportPrivateUsage]
            case "closed":
                if (channel := self._channels.pop(values[0], None)) is not None:
                    channel._closed(values[1])  # pyright: ignore[reportPrivateUsage]
            case _:
                raise AssertionError(f"the native side tells of {name}, which nobody knows")

    def _complete(self) -> None:
        """ICE that is connected and has gathered all is complete."""
        if self._ice == "connected" and self._gathering == "complete":
            self._set("_ice", "completed", "iceconnectionstatechange")

    def _replied(self, request: int, text: str | None, code: str | None, message: str | None) -> None:
        asked = self._asked.get(request)
        if asked is None or asked.done():
            return
        if code is not None:
            asked.set_exception(error_of(code, message or code))
        else:
            asked.set_result(text)

    def _candidate(self, text: str | None, mid: str, index: int, ufrag: str) -> None:
        candidate = None if text is None else RTCIceCandidate(text, mid, index, ufrag)
        self._emit("icecandidate", candidate, candidate=candidate)

    def _incoming(
        self,
        line: native.Channel,
        number: int,
        label: str,
        protocol: str,
        ordered: bool,
        retransmits: int | None,
        lifetime_ms: int | None,
    ) -> None:
        parameters = RTCDataChannelParameters(label, ordered, lifetime_ms, retransmits, protocol, False, number)
        channel = self._channels[line.key] = RTCDataChannel(line, parameters)
        channel._incoming()  # pyright: ignore[reportPrivateUsage]
        self._emit("datachannel", channel, channel=channel)


def _description(value: RTCSessionDescription | Mapping[str, Any]) -> RTCSessionDescription:
    """Of this package, or what a browser's JSON made."""
    return value if isinstance(value, RTCSessionDescription) else RTCSessionDescription.fromJSON(value)


def _check_channel(parameters: RTCDataChannelParameters, number: int | None) -> None:
    for name, text in (("label", parameters.label), ("protocol", parameters.protocol)):
        if len(text.encode()) > MOST_TEXT:
            raise ValueError(f"a channel's {name} has at most {MOST_TEXT} bytes")
    if parameters.maxPacketLifeTime is not None and parameters.maxRetransmits is not None:
        raise ValueError("maxPacketLifeTime and maxRetransmits exclude each other")
    for name, value in (
        ("maxPacketLifeTime", parameters.maxPacketLifeTime),
        ("maxRetransmits", parameters.maxRetransmits),
    ):
        if value is not None and not 0 <= value <= 65535:
            raise ValueError(f"{name} must be 0 to 65535, not {value}")
    if parameters.negotiated and (number is None or not 0 <= number <= 65534):
        raise ValueError("a negotiated channel needs an id from 0 to 65534")
