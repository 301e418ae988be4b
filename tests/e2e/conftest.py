"""A real server process and real browsers for the end-to-end tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from clients import Connect, token
from firefox import firefox
from livekit import api, rtc
from people import Person
from playwright.async_api import Browser, Playwright, async_playwright, expect
from sdk_page import SdkPerson, open_page

# Five seconds, Playwright's own, are too few for a busy machine.
expect.set_options(timeout=30_000)

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--auto-select-desktop-capture-source=Entire screen", "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
]  # fmt: skip


def free_port() -> int:
    """Free on every address the server will use, for UDP and TCP; another program may still be quicker."""
    hosts = [host for host in ("127.0.0.1", own_address()) if host]
    while True:
        with ExitStack() as held:
            port = 0
            try:
                for host in hosts:
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        probe = held.enter_context(socket.socket(socket.AF_INET, kind))
                        probe.bind((host, port))
                        port = int(probe.getsockname()[1])
            except OSError:
                continue
            return port


def own_address() -> str | None:
    """An IPv4 address of this machine that is not loopback. Firefox makes no loopback candidates."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    return next((ip for ip in found if "." in ip), None)


@dataclass
class Server:
    """A running `roomful serve`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


def start_server(folder: Path, *extra: str, port: int | None = None) -> Server:
    """Starts `roomful serve --dev` on free loopback ports and waits until it answers."""
    port = port or free_port()
    log = folder / "server.log"
    env = {**os.environ, "ROOMFUL_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "roomful", "serve", "--dev", "--bind", ",".join(filter(None, ("127.0.0.1", own_address()))),
             "--port", str(port), "--https-port", str(free_port()), "--rtc-udp-port", str(free_port()), "--rtc-tcp-port", str(free_port()), "--turn", "off", *extra],
            stdout=out, stderr=subprocess.STDOUT, env=env,
        )  # fmt: skip
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
                return Server(process, port, log)
        except OSError:
            time.sleep(0.1)
    stop_server(process)
    raise AssertionError(f"the server did not answer:\n{log.read_text()[-4000:]}")


def stop_server(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("server"))
    yield running
    text = running.log.read_text()
    stop_server(running.process)
    assert "panicked" not in text and "Traceback" not in text, text[-6000:]


@pytest_asyncio.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@dataclass
class Launched:
    """The browser that tests share; another one when it has crashed, which failed the test that it crashed in."""

    playwright: Playwright
    browser: Browser | None = None

    async def get(self) -> Browser:
        if self.browser is None or not self.browser.is_connected():
            binary = shutil.which("chromium")
            assert binary, "Debian's chromium is not installed: make test installs it"
            self.browser = await self.playwright.chromium.launch(executable_path=binary, args=CHROMIUM_FLAGS)
        return self.browser


@pytest_asyncio.fixture(scope="session")
async def launched(playwright: Playwright) -> AsyncIterator[Launched]:
    one = Launched(playwright)
    yield one
    if one.browser is not None:
        await one.browser.close()


@pytest_asyncio.fixture
async def chromium(launched: Launched) -> AsyncIterator[Browser]:
    """Chromium without a profile in it: starting one for each test costs more than the tests themselves."""
    browser = await launched.get()
    yield browser
    for context in browser.contexts:
        await context.close()


Enter = Callable[..., Awaitable[Person]]
Sdk = Callable[..., Awaitable[SdkPerson]]


@pytest_asyncio.fixture
async def enter(server: Server, chromium: Browser) -> AsyncIterator[Enter]:
    """`await enter("Ada", "room")`: a person in her own Chromium profile, or in Firefox, inside the room.

    `script` runs before the page's own, in Firefox.
    """
    async with AsyncExitStack() as stack:

        async def one(name: str, room: str, *, browser: str = "chromium", query: str = "", script: str = "") -> Person:
            url = f"{server.http}/?room={room}&name={name}&join=1{query}"
            if browser == "firefox":
                page = await stack.enter_async_context(firefox())
                await page.before_pages(script)
                await page.goto(url)
                return Person(name, page)
            context = await chromium.new_context(permissions=["camera", "microphone"], locale="en-US")
            stack.push_async_callback(context.close)
            tab = await context.new_page()
            await tab.goto(url)
            return Person(name, tab)

        yield one


@pytest_asyncio.fixture
async def connect(server: Server) -> AsyncIterator[Connect]:
    """`await connect("ada", "room", **RoomOptions)`: a client of the PyPI package, connected until the test ends.

    `client` is one whose handlers are there already; `grants` are further rights of its token.
    """
    async with AsyncExitStack() as stack:

        async def one(
            identity: str,
            room: str,
            *,
            client: rtc.Room | None = None,
            grants: dict[str, Any] | None = None,
            **options: Any,
        ) -> rtc.Room:
            client = client or rtc.Room()
            await client.connect(server.ws, token(identity, room, **(grants or {})), rtc.RoomOptions(**options))
            stack.push_async_callback(client.disconnect)
            return client

        yield one


@pytest_asyncio.fixture
async def sdk(server: Server, chromium: Browser) -> AsyncIterator[Sdk]:
    """`await sdk("ada", "room")`: the npm package in a bare page of its own Chromium profile; `script` runs before it."""
    async with AsyncExitStack() as stack:

        async def one(
            identity: str, room: str, *, grants: dict[str, Any] | None = None, script: str = "", **wanted: Any
        ) -> SdkPerson:
            context = await chromium.new_context(permissions=["camera", "microphone"])
            stack.push_async_callback(context.close)
            await context.add_init_script(script)
            person = SdkPerson(identity, await open_page(context, server.http))
            await person.connect(server.ws, token(identity, room, **(grants or {})), **wanted)
            return person

        yield one


@pytest_asyncio.fixture
async def programs(server: Server) -> AsyncIterator[api.LiveKitAPI]:
    """The PyPI `livekit-api` package with the dev key."""
    client = api.LiveKitAPI(server.http, "devkey", "secret")
    yield client
    await client.aclose()  # type: ignore[no-untyped-call]
