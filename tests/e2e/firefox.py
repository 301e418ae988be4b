"""Firefox over WebDriver BiDi, as little of it as the tests need.

Playwright does not drive Debian's Firefox; its own remote protocol does (https://w3c.github.io/webdriver-bidi/).
Called by the end-to-end tests; never used by the server.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import websockets

PREFS = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.gmp-manager.updateEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.update.enabled": False,
    "security.sandbox.content.level": 0,
    "remote.log.level": "Warn",
}


class FirefoxError(Exception):
    """The browser refused a command, or a script threw."""


class FirefoxPage:
    """One tab."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.console: list[str] = []
        self.context = ""

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message.get("method") == "log.entryAdded":
                self.console.append(str(message["params"].get("text")))
            future = self._waiting.pop(message.get("id", -1), None)
            if future is not None and not future.done():
                future.set_result(message)

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One BiDi command; raises FirefoxError when it is refused."""
        number = next(self._ids)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        message = await asyncio.wait_for(future, 60)
        if message.get("type") == "error":
            raise FirefoxError(f"{method}: {message.get('error')}: {message.get('message')}")
        return message["result"]

    async def before_pages(self, script: str) -> None:
        """From now on `script` runs in each page before its own."""
        await self.send("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def goto(self, url: str) -> None:
        await self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The JSON value of an expression (a promise is awaited)."""
        result = await self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({expression})) ?? null))()",
            target={"context": self.context},
            awaitPromise=True,
            userActivation=True,
        )
        if result["type"] == "exception":
            raise FirefoxError(result["exceptionDetails"]["text"])
        return json.loads(result["result"]["value"])

    async def screenshot(self, path: Path) -> None:
        result = await self.send("browsingContext.captureScreenshot", context=self.context)
        path.write_bytes(base64.b64decode(result["data"]))


@asynccontextmanager
async def firefox(binary: str = "firefox-esr") -> AsyncIterator[FirefoxPage]:
    """A fresh headless Firefox with fake media and one tab."""
    with tempfile.TemporaryDirectory(prefix="roomful-firefox-", ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFS.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        process = await asyncio.create_subprocess_exec(
            binary, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        try:
            address = ""
            async with asyncio.timeout(60):
                while not address:
                    line = (await process.stderr.readline()).decode(errors="replace")
                    if not line:
                        raise FirefoxError("Firefox ended before it listened")
                    if found := re.search(r"ws://[\d.:\[\]]+", line):
                        address = found[0]
            drain = asyncio.create_task(process.stderr.read())
            async with websockets.connect(f"{address}/session", max_size=64 << 20) as socket:
                page = FirefoxPage(socket)
                reader = asyncio.create_task(page._read())
                await page.send("session.new", capabilities={})
                await page.send("session.subscribe", events=["log.entryAdded"])
                tree = await page.send("browsingContext.getTree")
                page.context = tree["contexts"][0]["context"]
                yield page
                reader.cancel()
            drain.cancel()
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 10)
                except TimeoutError:
                    process.kill()
                    await process.wait()
