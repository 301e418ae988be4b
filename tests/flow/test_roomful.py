"""The whole server from a user's program: on its own, mounted in FastAPI, and as a pytest fixture."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from roomful import Roomful, RoomfulError, Settings
from roomful.app.parts import for_tests
from roomful.auth.token import verify
from roomful.testing import RoomfulServer


async def join(client: httpx.AsyncClient, room: str = "room", **fields: str) -> httpx.Response:
    return await client.post("/api/join", json={"room": room, "name": "Ann", **fields})


def test_on_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        server = Roomful(for_tests(tmp_path))
        await server.start()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            assert (await client.get("/")).status_code == 200
            answer = (await join(client)).json()
            grant = verify(answer["token"], keys={"devkey": "secret"}, now_s=time.time())
            assert (grant.identity, grant.name, grant.video.room) == (answer["identity"], "Ann", "room")
            assert grant.video.room_join
            assert not grant.video.room_admin
        port = server.port
        await server.stop()
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{port}/")

    asyncio.run(main())


def test_outside_dev_only_hosts_make_rooms(tmp_path: Path) -> None:
    async def main() -> None:
        server = Roomful(replace(for_tests(tmp_path), dev=False))
        await server.start()
        secrets = server.credentials.secrets
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            assert (await join(client)).status_code == 404
            host = (await join(client, host_key=secrets.host_key)).json()
            grant = verify(host["token"], keys=server.credentials.keys, now_s=time.time())
            assert grant.video.room_create
            assert grant.video.room_admin
            assert grant.issuer == secrets.api_key
        await server.stop()

    asyncio.run(main())


def test_mounted_in_fastapi(tmp_path: Path) -> None:
    roomful = Roomful(for_tests(tmp_path))
    app = FastAPI(lifespan=roomful.lifespan)

    @app.get("/mine")
    def mine() -> str:
        return "mine"

    app.mount("/", roomful.asgi())

    async def main() -> None:
        # No lifespan reaches it here: it starts with its first request.
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            assert (await client.get("/mine")).json() == "mine"
            assert (await client.get("/api/info")).json()["server"] == "roomful"
            assert (await client.get("http://testserver//api//info")).json()["server"] == "roomful"
        await roomful.stop()
        async with roomful.lifespan(app):
            assert roomful.rooms() == ()

    asyncio.run(main())


def test_trouble_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        Roomful(no_such_setting=1)

    async def main() -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            settings = replace(for_tests(tmp_path), port=holder.getsockname()[1])
            with pytest.raises(RoomfulError) as refused:
                await Roomful(settings).start()
            assert refused.value.code == "port_taken"
        with socket.socket(type=socket.SOCK_DGRAM) as holder:
            holder.bind(("127.0.0.1", 0))
            settings = replace(for_tests(tmp_path), rtc_udp_port=holder.getsockname()[1])
            with pytest.raises(RoomfulError) as refused:
                await Roomful(settings).start()
            assert refused.value.code == "port_taken"
            assert "--rtc-udp-port" in refused.value.message

    asyncio.run(main())


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    server = Roomful(Settings(dev=False, data_dir=tmp_path, keys={"key": "a-very-secret-secret"}))
    shown = repr(server.settings) + repr(server.credentials)
    assert "a-very-secret-secret" not in shown
    assert server.credentials.secrets.host_key not in shown


def test_the_fixture(roomful_server: RoomfulServer) -> None:
    assert roomful_server.participants("nowhere") == []
    assert httpx.get(roomful_server.http_url + "/api/info").json()["anybody_makes_rooms"] is True
    assert roomful_server.token("bot", "room").count(".") == 2
