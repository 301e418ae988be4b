"""What a program adds: WebSockets, rules for channels, hooks of the chat, games and files, as `Roomful` collects them. Development
mode brings `/echo`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from roomful.edge.websocket.client import Client
from roomful.edge.websocket.handler import Handler, handler_of
from roomful.plugins.channels import UserChannels
from roomful.plugins.chat import UserChatHooks
from roomful.plugins.games import Games

log = logging.getLogger("roomful.echo")


@dataclass(frozen=True, slots=True)
class UserSocket:
    path: str
    handler: Handler
    origins: tuple[str, ...] | None = None
    """None for the settings'."""
    page: Path | None = None

    @classmethod
    def echo(cls) -> UserSocket:
        return cls("/echo", handler_of(Echo), page=Path(__file__).parent / "echo.html")


@dataclass(frozen=True, slots=True)
class Own:
    channels: UserChannels
    games: Games
    chat: UserChatHooks
    folders: dict[str, Path] = field(default_factory=dict[str, Path])
    """Files that are served, by path."""
    sockets: dict[str, UserSocket] = field(default_factory=dict[str, UserSocket])
    """By path; the last one of a path is meant, so that a program's `/echo` takes the place of development mode's."""

    def paths(self) -> tuple[str, ...]:
        return tuple(self.sockets)


class Echo:
    """Answers each message; examples/echo.py is the same, to be changed."""

    def connect(self, client: Client) -> None:
        log.info("Client connected")

    def message(self, client: Client, message: str | bytes) -> str | bytes:
        log.info("Received: %s", shown(message))
        return f"You said: {message}" if isinstance(message, str) else message

    def close(self, client: Client) -> None:
        log.info("Client disconnected")


def shown(message: str | bytes) -> str:
    """On one line of a log."""
    return f"{len(message)} bytes" if isinstance(message, bytes) else repr(message[:200])
