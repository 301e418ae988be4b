"""PeerJS and RTCMultiConnection as npm has them: two pages call each other and pass data, and Roomful only introduces them.

The pages are of another origin than the server, which allows it by name.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import Server, start_server, stop_server
from people import until
from playwright.async_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
FOLDER = Path(__file__).parent / "peers"
COUNTERS = """async (pc) => {
  const found = {frames: 0, packets: 0};
  for (const one of (await pc.getStats()).values()) {
    if (one.type !== "inbound-rtp") continue;
    found.packets += one.packetsReceived;
    found.frames += one.framesDecoded ?? 0;
  }
  return found;
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """Where the clients' pages are served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(FOLDER)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def peers_server(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("peers"), "--allowed-origins", pages, "--peerjs-discovery")
    yield running
    text = running.log.read_text()
    stop_server(running.process)
    assert "panicked" not in text and "Traceback" not in text, text[-6000:]


@pytest_asyncio.fixture
async def two(pages: str, chromium: Browser) -> AsyncIterator[tuple[Page, Page]]:
    """Two people's pages."""
    npm = shutil.which("npm")
    assert npm, "Node.js and npm are needed"
    if not (FOLDER / "node_modules" / "peerjs").exists():
        install = await asyncio.create_subprocess_exec(
            npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=FOLDER
        )
        assert await install.wait() == 0
    contexts = [await chromium.new_context(permissions=["camera", "microphone"]) for _ in range(2)]
    tabs = [await one.new_page() for one in contexts]
    for tab in tabs:
        await tab.goto(f"{pages}/page.html")
    yield tabs[0], tabs[1]
    for one in contexts:
        await one.close()


async def new_peer(page: Page, server: Server, path: str, name: str | None = None) -> str:
    """A `Peer` as its documentation makes one, in `window.peer`."""
    return await page.evaluate(
        """async ([port, path, name]) => {
          const options = {host: "127.0.0.1", port, path, secure: false, config: {iceServers: []}};
          window.peer = name ? new Peer(name, options) : new Peer(options);
          window.said = []; window.errors = [];
          peer.on("error", (error) => errors.push(error.type));
          peer.on("connection", (data) => data.on("data", (one) => { said.push(one); data.send("heard " + one); }));
          peer.on("call", async (call) => {
            window.call = call;
            call.answer(await navigator.mediaDevices.getUserMedia({audio: true, video: true}));
          });
          return await new Promise((open, fail) => { peer.on("open", open); peer.on("error", fail); });
        }""",
        [server.port, path, name],
    )


async def test_peerjs_calls_and_passes_data(two: tuple[Page, Page], peers_server: Server) -> None:
    ada, bob = two
    await new_peer(ada, peers_server, "/", "ada")
    # An id of the server's, and the deeper of the two paths.
    bobs = await new_peer(bob, peers_server, "/peerjs")
    assert sorted(await ada.evaluate("new Promise((all) => peer.listAllPeers(all))")) == sorted(["ada", bobs])
    answer = await ada.evaluate(
        """(to) => new Promise((done) => {
          const data = peer.connect(to, {reliable: true});
          data.on("open", () => data.send("hello"));
          data.on("data", done);
        })""",
        bobs,
    )
    assert answer == "heard hello"
    assert await bob.evaluate("said") == ["hello"]
    await ada.evaluate(
        """async (to) => {
          window.call = peer.call(to, await navigator.mediaDevices.getUserMedia({audio: true, video: true}));
        }""",
        bobs,
    )
    for page in two:

        async def sees(page: Page = page) -> bool:
            found = await page.evaluate(f"({COUNTERS})(call.peerConnection)")
            return found["frames"] > 5 and found["packets"] > 20

        await until("a call with PeerJS", sees, 30)


async def test_peerjs_is_told_of_the_absent_and_comes_back(two: tuple[Page, Page], peers_server: Server) -> None:
    ada, bob = two
    await new_peer(ada, peers_server, "/", "first")
    await ada.evaluate("void peer.connect('nobody')")

    async def told() -> bool:
        return await ada.evaluate("errors") == ["peer-unavailable"]

    await until("nobody is there", told, 15)
    taken = await bob.evaluate(
        """async (port) => {
          const peer = new Peer("first", {host: "127.0.0.1", port, path: "/", config: {iceServers: []}});
          return await new Promise((done) => peer.on("error", (error) => done(error.type)));
        }""",
        peers_server.port,
    )
    assert taken == "unavailable-id"
    # The same token takes its id again.
    await ada.evaluate("peer.disconnect()")
    await ada.evaluate("new Promise((open) => { peer.once('open', open); peer.reconnect(); })")
    await new_peer(bob, peers_server, "/", "second")
    answer = await bob.evaluate(
        """() => new Promise((done) => {
          const data = peer.connect("first");
          data.on("open", () => data.send("again"));
          data.on("data", done);
        })"""
    )
    assert answer == "heard again"


CONNECTION = """async ([url, room, password]) => {
  const connection = window.connection = new RTCMultiConnection();
  connection.socketURL = url;
  connection.session = {audio: true, video: true, data: true};
  connection.sdpConstraints.mandatory = {OfferToReceiveAudio: true, OfferToReceiveVideo: true};
  connection.iceServers = [];
  connection.enableLogs = false;
  if (password) connection.password = password;
  window.said = []; window.seen = {}; window.streams = 0;
  connection.onmessage = (event) => said.push(event.data);
  connection.onopen = () => connection.send("hello of " + connection.userid);
  connection.onUserStatusChanged = (event) => { seen[event.userid] = event.status; };
  connection.onstream = (event) => { if (event.type === "remote") streams += 1; };
  return await new Promise((done) => connection.openOrJoin(room, (ok, id, error) => done([ok, error ?? null])));
}"""


async def test_rtcmulticonnection_calls_and_passes_data(two: tuple[Page, Page], peers_server: Server) -> None:
    ada, bob = two
    url = f"{peers_server.http}/"
    assert await ada.evaluate(CONNECTION, [url, "class", "pass"]) == [True, None]
    assert await bob.evaluate(CONNECTION, [url, "class", "wrong"]) == [False, "Invalid password"]
    await bob.evaluate("connection.closeSocket()")
    assert await bob.evaluate(CONNECTION, [url, "class", "pass"]) == [True, None]
    for page, other in ((ada, bob), (bob, ada)):
        name = await other.evaluate("connection.userid")

        async def sees(page: Page = page, name: str = name) -> bool:
            found = await page.evaluate(f"({COUNTERS})(connection.peers[{name!r}].peer)")
            return found["frames"] > 5 and found["packets"] > 20

        async def heard(page: Page = page, name: str = name) -> bool:
            return await page.evaluate("said") == [f"hello of {name}"] and await page.evaluate("streams") == 1

        await until("a call with RTCMultiConnection", sees, 30)
        await until("data with RTCMultiConnection", heard)
    bobs = await bob.evaluate("connection.userid")
    assert await ada.evaluate(
        "new Promise((done) => connection.checkPresence('class', (is, id, extra) => done([is, id, extra._room])))"
    ) == [True, "class", {"isFull": False, "isPasswordProtected": True}]
    await bob.evaluate("connection.closeSocket()")

    async def gone() -> bool:
        return await ada.evaluate(f"seen[{bobs!r}]") == "offline"

    await until("Ada hears that Bob is gone", gone)
