"""A bare page with the unmodified `livekit-client` of npm, for what our own page does not use.

The page is not the server's: its files come from `web/node_modules` under the server's origin. Its room is
`window.__roomful.room`, so that `people.Person` reads it like that of our page.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from people import Person
from playwright.async_api import BrowserContext, Page, Route

DIST = Path(__file__).parents[2] / "web" / "node_modules" / "livekit-client" / "dist"
FILES = {"client.js": "livekit-client.umd.js", "worker.js": "livekit-client.e2ee.worker.js"}
PAGE = """<!doctype html><meta charset="utf-8"><title>livekit-client</title><script src="/bare/client.js"></script><script>
const lk = window.LivekitClient;
const heard = [];
window.__roomful = { room: null, heard };
async function connect(url, token, {options = {}, connectOptions = {}, key = ''}) {
  if (key) {
    const keyProvider = new lk.ExternalE2EEKeyProvider();
    await keyProvider.setKey(key);
    options.encryption = { keyProvider, worker: new Worker('/bare/worker.js') };
  }
  const room = new lk.Room(options);
  window.__roomful.room = room;
  for (const event of Object.values(lk.RoomEvent))
    room.on(event, (...args) => heard.length < 5000 && heard.push([event, args.map(plain)]));
  room.on('trackSubscribed', (track) => {
    const element = track.attach();
    element.style.width = '640px';
    document.body.append(element);
  });
  if (key) await room.setE2EEEnabled(true);
  await room.connect(url, token, connectOptions);
}
function plain(arg) {
  if (arg === null || ['string', 'number', 'boolean'].includes(typeof arg)) return arg;
  if (arg instanceof Uint8Array) return new TextDecoder().decode(arg);
  return arg?.trackSid ?? arg?.identity ?? arg?.message ?? null;
}
</script>"""


async def open_page(context: BrowserContext, origin: str) -> Page:
    """A tab with the package loaded."""

    async def give(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name in FILES:
            await route.fulfill(path=DIST / FILES[name], content_type="text/javascript")
        else:
            await route.fulfill(body=PAGE, content_type="text/html")

    await context.route("**/bare/*", give)
    page = await context.new_page()
    await page.goto(f"{origin}/bare/page")
    return page


class SdkPerson(Person):
    """Somebody in a room by `livekit-client` alone."""

    async def connect(
        self,
        url: str,
        token: str,
        *,
        options: dict[str, Any] | None = None,
        connect_options: dict[str, Any] | None = None,
        key: str = "",
    ) -> None:
        """`options` are RoomOptions; `key` turns end-to-end encryption on."""
        wanted = json.dumps({"options": options or {}, "connectOptions": connect_options or {}, "key": key})
        await self.page.evaluate(f"connect({json.dumps(url)}, {json.dumps(token)}, {wanted})")

    async def heard(self, event: str) -> list[list[Any]]:
        """The arguments of each such event so far; participants by identity, publications by their `TR_…`."""
        return await self.page.evaluate(f"heard.filter(([e]) => e === {json.dumps(event)}).map(([, args]) => args)")

    async def run(self, script: str) -> Any:
        """`script` is the body of an async function that knows `room` and `lk`."""
        return await self.page.evaluate(f"(async () => {{ const room = window.__roomful.room; {script} }})()")
