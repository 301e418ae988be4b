"""The WebSocket as edges see it, and Starlette's as one. A front door in Rust will be another; sessions never know which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState


class SocketClosed(Exception):
    """The other side is gone."""


class Socket(Protocol):
    """One connection. `send` waits while the other side does not read: that is the back-pressure edges rely on."""

    @property
    def path(self) -> str:
        """With doubled slashes made single."""
        ...

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    @property
    def peer(self) -> str:
        """Address of the other side, for logs and rates; empty when unknown."""
        ...

    async def refuse(self, status: int, body: str, *, content_type: str = "text/plain") -> None:
        """Answers the handshake with an HTTP error."""
        ...

    async def accept(self, subprotocol: str | None = None) -> None: ...

    async def receive(self) -> str | bytes:
        """Raises SocketClosed."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Raises SocketClosed."""
        ...

    def send_now(self, messages: Sequence[str | bytes]) -> bool:
        """All of these without waiting; False, and none is sent, when that cannot be."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Safe to call at any time."""
        ...


class StarletteSocket:
    """Implements `Socket` on an ASGI WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    @property
    def path(self) -> str:
        return self._websocket.url.path

    @property
    def query(self) -> Mapping[str, str]:
        return self._websocket.query_params

    @property
    def headers(self) -> Mapping[str, str]:
        return self._websocket.headers

    @property
    def peer(self) -> str:
        client = self._websocket.client
        return client.host if client else ""

    async def refuse(self, status: int, body: str, *, content_type: str = "text/plain") -> None:
        response: Response = PlainTextResponse(body, status, media_type=content_type)
        if "websocket.http.response" in self._websocket.scope.get("extensions", {}):
            await self._websocket.send_denial_response(response)
        else:
            # Servers without the extension answer 403.
            await self._websocket.close()

    async def accept(self, subprotocol: str | None = None) -> None:
        try:
            await self._websocket.accept(subprotocol)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise SocketClosed from error

    async def receive(self) -> str | bytes:
        if self._websocket.client_state is not WebSocketState.CONNECTED:
            raise SocketClosed
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            raise SocketClosed
        text = message.get("text")
        return text if text is not None else message["bytes"]

    async def send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                await self._websocket.send_text(message)
            else:
                await self._websocket.send_bytes(message)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise SocketClosed from error

    def send_now(self, messages: Sequence[str | bytes]) -> bool:
        return False  # ASGI has no word for it

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._websocket.application_state is WebSocketState.DISCONNECTED:
            return
        try:
            await self._websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError, OSError):
            return
