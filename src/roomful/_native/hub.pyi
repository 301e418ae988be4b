"""The hub and its front door: WebSockets and channels in Rust behind one object. Made by the composition root, used through `hub.adapter`.

A connection is a number. The door makes those of its own sockets; who feeds foreign ones (in somebody else's server) makes
numbers of `FOREIGN + 1`, `FOREIGN + 2` … and never uses one twice. A message is `str` or `bytes`; in channels, `str` is JSON text.
`info` is JSON text that other members see. Fields after `?` may be missing.

Commands, with their fields:

    accept          connection, speech: raw|relay|muaz|echo, ? subprotocol: str, identity: str, info: str, rate: (per second, burst),
                    max_message: bytes, max_backlog: bytes
    accept_rule     path, speech: raw|relay|muaz|echo | None, ? max_message, max_backlog
    refuse          connection, status: 400…599, ? headers: list[(name, value)], body: bytes
    send            to: list of connections, message, ? slow: close|skip
    close           connection, ? code: int, reason: str
    open_foreign    connection, speech, ? identity, info, rate
    feed            connection, message
    gone            connection, ? code
    decide          ask, allow: bool, ? code: str, reason: str, message, info
    join            connection, channel, ? info
    leave           connection, channel, ? code, reason
    publish         channel, message, ? except: connection, to: list of connections
    channel_rules   pattern, rules | None
    history         request: int, channel, ? after: offset, limit: int        → history
    presence        request: int, channel                                     → presence
    stats           request: int                                              → stats

    accept_rule: connections to this path (or under it, where it ends in `/`) are let in without asking, and `opened` says accepted.
    rules: {history: messages, history_bytes, history_ms, presence: bool, publish: bool, on_message: bool, on_request: bool,
            rate: (per second, burst), max_members, slow: close|skip}; what is missing keeps its default. The first pattern that
            matches a channel's name counts (`*` any characters, `?` one); None removes the pattern. history_bytes: at most 512 KiB, 256
            counted for each message besides its own.
    decide: allow=False with a code tells the sender so, without one drops a message silently. message: in place of a message_asked's,
            or the reply to a request_asked. info: in place of what a join_asked brought.
    publish: to: only these members, each by itself, and kept in no history; a list of nobody is nobody.

Events, with their fields:

    opened          connection, path, query, headers: list[(name, value)], peer, secure: bool, accepted: bool
    message         connection, message
    closed          connection, code: int, reason
    join_asked      ask: int, connection, channel, info: str | None
    message_asked   ask: int, connection, channel, to: connection | None, message
    request_asked   ask: int, connection, channel, message
    joined          connection, channel, id
    left            connection, channel
    slow            connection
    writable        connection
    deliver         to: list of connections, message, slow: close|skip
    close           connection, code, reason
    history         request, channel, epoch, offset, messages: list[(offset, id | None, message)]
    presence        request, channel, members: list[(connection, id, identity | None, info | None)]
    stats           request, connections, channels, asks, history_bytes, received, delivered, refused
    died            reason

    opened: answer with accept or refuse within the hook deadline, or it is refused with 503.
    message: of raw connections only. join_asked, message_asked, request_asked: answer with decide; after the deadline it is a no.
    slow, writable: pause and go on telling this connection things.
    deliver, close: for foreign connections.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

COMMANDS: Final[tuple[str, ...]]
"""Every name that `Hub.send` takes."""
EVENTS: Final[tuple[str, ...]]
"""Every name that `Hub.drain` may tell."""
FOREIGN: Final[int]
"""Numbers of foreign connections are larger."""

class HubError(RuntimeError):
    """The hub could not start, or is dead."""

    code: str
    """`config`, `port_taken`, `os`, `hub_dead`"""

class Hub:
    """One thread with sockets, connections and channels. Safe to call from any thread; nothing but the constructor and `close` waits."""

    def __new__(
        cls,
        *,
        addresses: Sequence[str] = ("0.0.0.0",),
        port: int | None = None,
        tls_port: int | None = None,
        certificate: str | None = None,
        private_key: str | None = None,
        backend: str | None = None,
        paths: Sequence[str] = (),
        open_paths: Sequence[str] = (),
        origins: Sequence[str] = (),
        max_connections: int = 100_000,
        max_connections_per_address: int = 0,
        max_message: int = 65_536,
        max_backlog: int = 1_048_576,
        max_channels: int = 100_000,
        max_joined: int = 64,
        max_info: int = 1024,
        rate: tuple[int, int] = (200, 400),
        hook_deadline_ms: int = 5000,
        request_deadline_ms: int = 10_000,
        head_timeout_ms: int = 10_000,
        ping_ms: int = 20_000,
        idle_ms: int = 0,
    ) -> Hub:
        """Binds and starts. Raises HubError (`config`, `port_taken`, `os`).

        addresses: IP addresses to listen on.
        port, tls_port: without and with TLS; 0 for any free one, None for none. Both None: only foreign connections.
        certificate, private_key: paths of PEM files, for tls_port. `reload()` reads them again.
        backend: path of the Unix socket that everything but WebSockets to `paths` is passed to; None answers 404.
        paths: WebSocket requests to these go to the hub; a path that ends in `/` stands for all under it.
        open_paths: of those, where browsers of any origin may come, because what they bring (a token) says who they are.
        origins: `https://example.org` … that browsers may come from besides the same origin; `*` for any.
        max_connections: at once; one that is passed on counts twice.
        max_connections_per_address: of one IPv4 address or IPv6 /64, loopback apart; 0 for no limit.
        max_message: bytes of a client's message; longer ones close the connection (1009).
        max_backlog: bytes that may wait for a connection.
        max_channels, max_joined, max_info: channels at once, channels of one connection, bytes of a member's info.
        rate: messages per second and at once, of one relay or muaz connection; (0, 0) for no limit.
        hook_deadline_ms: for answers to opened, join_asked, message_asked and request_asked.
        request_deadline_ms: for one member's reply to another.
        head_timeout_ms: for the head of a request and the TLS handshake.
        ping_ms: after this silence a client is pinged, after as much again it is closed; 0 for never.
        idle_ms: a client that says nothing for so long is closed; 0 for never. Pongs are nothing.
        """

    def fileno(self) -> int:
        """A descriptor that is readable while there is something to drain; -1 where there is none."""

    def send(self, command: str, fields: Mapping[str, Any]) -> None:
        """One command. Raises ValueError or TypeError when it is malformed, HubError (`hub_dead`) when nobody is there to take it."""

    def send_all(self, commands: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Commands, in order, for less than one by one: the thread is woken once. All or none: raises as `send`, before any is taken."""

    def drain(self) -> list[tuple[str, dict[str, Any]]]:
        """All events since the last call, in order. Raises HubError (`hub_dead`) after `close`."""

    def ports(self) -> list[tuple[str, str, int]]:
        """(`plain` or `tls`, address, port) of every listener."""

    def reload(self) -> None:
        """Reads certificate and private key again. Raises HubError (`config`, `os`) and keeps the old ones."""

    def close(self, grace_ms: int = 0) -> None:
        """Listens no more, closes every connection with 1012 at a random time within `grace_ms`, ends the thread and waits for it;
        the second call does nothing."""
