"""What a client is told of the server when it joins or comes back. Pure; filled from the settings by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from livekit.protocol.models import ClientConfigSetting, ClientConfiguration, Codec, ServerInfo
from livekit.protocol.rtc import ICEServer, JoinResponse, ReconnectResponse, SignalResponse

from roomful.core.publishing import mime_of
from roomful.core.room_info import RoomInfo
from roomful.edge.livekit.snapshots import room_message

PROTOCOL = 17
"""Of LiveKit's signaling that this edge speaks; clients of older ones are served too."""
LIVEKIT_VERSION = "1.11.0"
"""The LiveKit server whose behaviour clients find here: SDKs read it as a semantic version and gate features by it."""
AGENT_PROTOCOL = 1
CODECS = ("opus", "red", "pcmu", "pcma", "vp8", "h264", "vp9", "av1", "h265")
_AUDIO = frozenset({"opus", "red", "pcmu", "pcma"})


IceServersFor = Callable[[str, str, int], Sequence[Mapping[str, object]]]
"""(Host header, identity, Unix time in s) → `urls`, `username`, `credential` of each."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is told where STUN and TURN are."""

    host: str
    identity: str
    now_s: int
    relay_only: bool = False
    """To be told of TURN over TLS and nothing else: a test of clients."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """`codecs` are what may be published, by short name."""

    version: str = ""
    """Roomful's own."""
    codecs: tuple[str, ...] = CODECS
    ice_servers: IceServersFor | None = None
    """Without it clients are told of none: they reach the server's media ports by themselves."""
    ping_interval_s: int = 5
    ping_timeout_s: int = 15
    node: str = "roomful"

    def server_info(self) -> ServerInfo:
        return ServerInfo(
            edition=ServerInfo.Standard,
            version=LIVEKIT_VERSION,
            protocol=PROTOCOL,
            node_id=self.node,
            debug_info=f"roomful {self.version}".rstrip(),
            agent_protocol=AGENT_PROTOCOL,
        )

    def join(self, room: RoomInfo, asker: Asker, *, subscriber_primary: bool, can_publish: bool) -> JoinResponse:
        """All but the participants."""
        return JoinResponse(
            room=room_message(room),
            server_version=LIVEKIT_VERSION,
            server_info=self.server_info(),
            ice_servers=self._ice(asker),
            subscriber_primary=subscriber_primary,
            client_configuration=_configuration(asker),
            ping_interval=self.ping_interval_s,
            ping_timeout=self.ping_timeout_s,
            enabled_publish_codecs=[
                Codec(mime=mime_of(one, "audio" if one in _AUDIO else "video")) for one in self.codecs
            ],
            fast_publish=can_publish,
        )

    def reconnect(self, last_received: int, asker: Asker) -> bytes:
        """A serialised SignalResponse. The client sends again what reliable data came after `last_received`."""
        response = ReconnectResponse(
            ice_servers=self._ice(asker),
            client_configuration=_configuration(asker),
            server_info=self.server_info(),
            last_message_seq=last_received,
        )
        return SignalResponse(reconnect=response).SerializeToString()

    def over_tls(self, asker: Asker) -> list[dict[str, object]]:
        """TURN over TLS alone; empty where there is none."""
        told = self.ice_servers(asker.host, asker.identity, asker.now_s) if self.ice_servers is not None else ()
        found = [
            {**one, "urls": [url for url in cast("list[str]", one["urls"]) if url.startswith("turns:")]} for one in told
        ]
        return [one for one in found if one["urls"]]

    def _ice(self, asker: Asker) -> list[ICEServer]:
        told = self.ice_servers(asker.host, asker.identity, asker.now_s) if self.ice_servers is not None else ()
        told = self.over_tls(asker) if asker.relay_only else told
        return [ICEServer(**one) for one in told]  # pyright: ignore[reportArgumentType]


def _configuration(asker: Asker) -> ClientConfiguration:
    return ClientConfiguration(force_relay=ClientConfigSetting.ENABLED) if asker.relay_only else ClientConfiguration()
