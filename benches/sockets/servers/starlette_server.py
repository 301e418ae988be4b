"""Starlette on uvicorn: echo at /echo, rooms at /room/…. Called by benches/ws.py with a port."""

from __future__ import annotations

import sys
from collections import defaultdict

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


async def room(socket: WebSocket) -> None:
    await socket.accept()
    members = rooms[socket.path_params["name"]]
    members.add(socket)
    try:
        while True:
            text = await socket.receive_text()
            for member in members:
                if member is not socket:
                    await member.send_text(text)
    except WebSocketDisconnect:
        members.discard(socket)


app = Starlette(routes=[WebSocketRoute("/echo", echo), WebSocketRoute("/room/{name}", room)])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", ws_per_message_deflate=False)
