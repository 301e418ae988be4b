"""The media engine: router threads in Rust behind one object. Made by the composition root, used through `engine.adapter`.

Ids are text made by the caller (`RM_…` rooms, `PA_…` participants, `TR_…` tracks, `TP_…` transports, `DTR_…` data tracks).

Commands, with their fields (`settings` and `spec` below):

    open_room                 room, beside: str | None (a room whose thread is wanted)
    close_room                room
    add_participant           room, participant, identity, subscribe: bool, publish_data: bool,
                              hidden: bool, agent: bool
    set_rights                participant, subscribe: bool, publish_data: bool, hidden: bool, agent: bool
    remove_participant        participant
    move_participant          participant, room (on the same thread: `Engine.together`)
    open_transport            participant, transport, role: single|publisher|subscriber, tcp_only: bool,
                              credentials: (ufrag, password)
    remote_offer              request: int, transport, sdp, credentials    → answer | refused
    remote_answer             request: int, transport, offer: int, sdp     → accepted | refused
    remote_candidate          transport, candidate
    restart_ice               transport, credentials
    publish                   participant, spec
    unpublish                 track
    mute                      track, muted: bool
    limit_voices              room, count: int (so many voices are sent on, the loudest; 0 for all)
    show                      track, room (a track of another room may be received in this one)
    hide                      track, room
    subscribe                 participant, track, settings
    unsubscribe               participant, track
    view                      participant, track, settings
    limit_bandwidth           participant, bps: int (0 for no limit)
    send_data                 room, kind: reliable|lossy|track, packet: bytes, to: list of participants (empty: all)
    hold_topics               room, topics: list[str]
    watch_topics              room, topics: list[str]
    decide                    room, hold: int, verdict: True (release) | False (drop) | bytes (in its place)
    watch_data                room, on: bool
    replay_data               participant, seen: list of (publisher, last sequence)
    ask_received              request: int, participant                    → received
    publish_data_track        participant, track, handle: 1…65535
    unpublish_data_track      track
    subscribe_data_track      participant, track, handle
    unsubscribe_data_track    participant, track
    ask_stats                 request: int, room                           → stats

    settings: {paused: bool, quality: 0…2, width: px, height: px, fps, priority}; 0 stands for "not said"
    spec: {track, kind: audio|video, codecs: [(name, cid, svc: bool)], layers: [(quality, width, height, bitrate_bps, rid)],
           muted, stereo, dtx, red, encrypted, screen, one_codec: bool}; a codec without a cid may come later (a backup)

Events, with their fields:

    answer             request, transport, sdp, mids: {mid: track}
    accepted           request
    refused            request, code: sdp_invalid|not_found|wrong_state|limit, message
    offer              transport, offer: int, sdp, mids
    sections_wanted    transport, audios: int, videos: int
    transport          transport, state: connected|disconnected|failed|closed, remote: str | None, protocol: udp|tcp, reason
    track_bound        track, mid, codec, rids: list[str]
    track_ended        track
    track_started      track
    subscribed         participant, track
    unsupported        participant, track
    demand             track, codecs: [(codec, (low, medium, high: bool))]
    stream_state       participant, track, paused: bool
    speakers           room, levels: [(participant, 0.0…1.0, active: bool)]
    quality            participant, quality: lost|poor|good|excellent, score: 0.0…5.0
    data               room, participant, kind, packet: bytes
    data_seen          room, participant, packet: bytes
    data_held          room, hold: int, participant, topic, packet: bytes
    slow_reader        participant
    received           request, sequence: int (0 before the first)
    stats              request, json: str
    died               reason
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

COMMANDS: Final[tuple[str, ...]]
"""Every name that `Engine.send` takes."""
EVENTS: Final[tuple[str, ...]]
"""Every name that `Engine.drain` may tell."""

class EngineError(RuntimeError):
    """The engine could not start, or is dead."""

    code: str
    """`config`, `port_taken`, `os`, `overloaded`, `engine_dead`"""

class Engine:
    """Threads, sockets and routers. Safe to call from any thread; nothing but the constructor and `close` waits."""

    def __new__(
        cls,
        *,
        addresses: Sequence[str] = ("0.0.0.0",),
        announced: Sequence[str] = (),
        udp_port: int = 0,
        tcp_port: int | None = None,
        threads: int = 1,
        codecs: Sequence[str] | None = None,
        max_tracks: int = 64,
        max_subscriptions: int = 1024,
        portable: bool | None = None,
    ) -> Engine:
        """Binds and starts. Raises EngineError (`config`, `port_taken`, `os`).

        addresses: IP addresses to bind; `0.0.0.0` and `::` stand for all of the machine's.
        announced: IP addresses that clients are told; empty for those that are bound.
        udp_port: the first thread's; thread n has udp_port + n. 0 for any free ones.
        tcp_port: ICE-TCP (RFC 6544), counted like udp_port; None for none.
        threads: each has its rooms, and a UDP port for each address.
        codecs: may be published, first choice first (`vp8`, `opus`, `red` …); None for all that are known.
        max_tracks, max_subscriptions: of one participant.
        portable: plain socket calls in place of batches and GSO; None chooses by the system.
        """

    def fileno(self) -> int:
        """A descriptor that is readable while there is something to drain; -1 where there is none."""

    def send(self, command: str, fields: Mapping[str, Any]) -> None:
        """One command. Raises ValueError or TypeError when it is malformed, EngineError (`overloaded` when a thread is far behind, which passes; `engine_dead`) when nobody takes it."""

    def together(self, rooms: Sequence[str]) -> bool:
        """Whether these rooms are all there and on one thread: then people can go from one to the other. Raises EngineError."""

    def drain(self) -> list[tuple[str, dict[str, Any]]]:
        """All events since the last call, in order. Raises EngineError (`engine_dead`) after `close`."""

    def ports(self) -> list[tuple[str, str, int]]:
        """(`udp` or `tcp`, address, port) of every socket."""

    def close(self) -> None:
        """Ends all threads and waits for them; the second call does nothing."""

class Turn:
    """STUN and TURN: one thread, its listeners and the ports it lends. Nothing but the constructor and `close` waits."""

    def __new__(
        cls,
        *,
        secrets: Sequence[bytes],
        media: Sequence[str] = (),
        addresses: Sequence[str] = ("0.0.0.0",),
        announced: Sequence[str] = (),
        udp_port: int | None = None,
        second_udp_port: int | None = None,
        tcp_port: int | None = None,
        tls_port: int | None = None,
        certificate: str | None = None,
        private_key: str | None = None,
        relay_ports: tuple[int, int] = (49152, 65535),
        realm: str = "roomful",
        allowed: Sequence[str] = (),
        refused: Sequence[str] = (),
        max_allocations: int = 4096,
        max_per_user: int = 16,
        max_per_address: int = 1024,
        bandwidth: int = 8_000_000,
        strangers: int = 50,
        bindings: int = 500,
        portable: bool | None = None,
    ) -> Turn:
        """Binds and starts. Raises EngineError (`config`, `port_taken`, `os`).

        secrets: any of them may have made a password (`base64(hmac-sha1(secret, "<unix time>:<user>"))`).
        media: `address:port` of the engine, which clients may reach whatever else is refused.
        addresses: IP addresses to bind; `0.0.0.0` and `::` stand for all of the machine's.
        announced: IP addresses told in place of a lent port's own (NAT 1:1).
        udp_port, second_udp_port, tcp_port, tls_port: None for none, 0 for any free one. TLS needs certificate and private_key, paths of PEM files.
        relay_ports: first and last port that is lent.
        allowed, refused: ranges like `10.0.0.0/8` that peers may be in though they are not public, or may not be in at all.
        max_allocations, max_per_user, max_per_address: 0 for no bound.
        bandwidth: bytes per second of one allocation, each way; 0 for no bound.
        strangers, bindings: answers per second to one address before it is proven; 0 for no bound.
        """

    def ports(self) -> list[tuple[str, str, int]]:
        """(`udp`, `tcp` or `tls`, address, port) of every listener."""

    def stats(self) -> dict[str, int]:
        """allocations, relayed, relayed_bytes, refused, dropped, bindings."""

    def is_dead(self) -> bool:
        """Whether its thread has ended."""

    def close(self) -> None:
        """Ends the thread and waits for it; the second call does nothing."""
