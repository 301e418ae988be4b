"""Peer connections: one thread in Rust with the sockets of all peers of a program. Used by `roomful.rtc`.

A peer is a number from `open`. Requests and channel keys are numbers that the caller counts up; keys of channels that the peer
opened count down from 2**32 - 1. So do those of transceivers, by themselves.

Commands, for `ask`, with `word` and `text`:

    create_offer          word: None | "restart"                 → reply with the text
    create_answer                                                → reply with the text
    set_local             word: None | offer | answer, text      → reply; without a text the one that was made last, or a new one
    set_remote            word: offer | answer, text             → reply
    rollback                                                     → reply
    add_candidate         word: None | ufrag, text               → reply; an empty text is the end of candidates

Events, with their values in order:

    reply                 request, text | None, code | None, message | None
    signaling             state, current local, pending local, current remote, pending remote: (type, sdp) | None each
    negotiation_needed
    candidate             candidate | None (the end), mid, index, ufrag
    gathering             new | gathering | complete
    ice                   new | connecting | connected | disconnected | failed | closed
    connection            the same
    trouble               reason
    channel               Channel, id, label, protocol, ordered, max_retransmits | None, max_lifetime_ms | None
    open                  key, id
    messages              key, list[str | bytes]
    buffered              key, whether it fell to `low` (else: to 512 KiB or to nothing)
    closed                key, reason | None
    transceiver           key, audio | video, whether the peer sends: its offer brought it
    media                 key, mid, sends: bool, receives: bool, codec | None (of what is sent), the peer's stream
    frames                key, list[(bytes, timestamp, key frame: bool, after a loss: bool, codec)]
    key_frame_wanted      key
    media_ended           key
    died

An error's `code`: invalid_state, syntax, invalid_modification, invalid_access, argument, os, dead, backpressure, not_open, too_large.
"""

from typing import Any, Final

COMMANDS: Final[tuple[str, ...]]
EVENTS: Final[tuple[str, ...]]

class RtcError(RuntimeError):
    code: str

class Peers:
    """The thread. Everything returns at once; what it leads to comes with `drain`."""

    def __new__(cls) -> Peers: ...
    def fileno(self) -> int:
        """A descriptor that is readable while there is something to drain."""

    def open(self, *, relay_only: bool = False, addresses: list[str] = ...) -> int:
        """A new peer with sockets of its own.

        Args:
            relay_only: Only through TURN servers.
            addresses: Our IP addresses; empty for all of the machine's.
        """

    def set_servers(self, peer: int, servers: list[tuple[str, int, str | None, str | None]]) -> None:
        """(IP address, port, user, password): TURN servers with the last two, STUN servers without; over UDP. Before descriptions."""

    def ask(self, peer: int, request: int, what: str, word: str | None = None, text: str | None = None) -> None: ...
    def restart_ice(self, peer: int) -> None: ...
    def open_channel(
        self,
        peer: int,
        key: int,
        label: str,
        *,
        protocol: str = "",
        ordered: bool = True,
        max_retransmits: int | None = None,
        max_lifetime_ms: int | None = None,
        id: int | None = None,
    ) -> Channel: ...
    def add_transceiver(
        self, peer: int, key: int, kind: str, sends: bool, receives: bool, codecs: list[str], stream: str, track: str
    ) -> None:
        """`codecs`: names, best first; empty for all."""

    def set_direction(self, peer: int, key: int, sends: bool, receives: bool) -> None:
        """With the next offer or answer."""

    def send_frame(self, peer: int, key: int, data: bytes, timestamp: int) -> None:
        """A coded frame; `timestamp` in the codec's clock. Raises RtcError `backpressure`, `too_large` (4 MiB)."""

    def want_key(self, peer: int, key: int) -> None:
        """Asks the peer for a key frame."""

    def close_peer(self, peer: int) -> None: ...
    def drain(self) -> list[tuple[int, str, tuple[Any, ...]]]:
        """All news since the last call, in order: (peer, name, values). Messages count as read."""

    def close(self) -> None:
        """Ends all peers and the thread."""

class Channel:
    """A data channel for sending."""

    @property
    def key(self) -> int: ...
    @property
    def buffered(self) -> int:
        """Bytes that have not arrived."""

    @property
    def low(self) -> int:
        """`buffered` (True) comes when `buffered` falls to it, bytes."""

    @low.setter
    def low(self, value: int) -> None: ...
    def send(self, data: str | bytes | bytearray) -> None:
        """Never waits. Raises RtcError `backpressure` when 16 MiB wait, `too_large`, `not_open`."""

    def read(self, on: bool) -> None:
        """Whether messages are wanted now; else the peer is held back."""

    def close(self) -> None:
        """Closes it once what was sent has arrived."""
