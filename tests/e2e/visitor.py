"""Fresh browser profiles that open the page, and what goes wrong in them. Used by the tests of the page."""

from __future__ import annotations

from playwright.async_api import Browser, BrowserContext, Page

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


class Visitor:
    """Opens fresh browser profiles and counts what goes wrong in them."""

    def __init__(self, browser: Browser, http: str) -> None:
        self._browser = browser
        self.http = http
        self.faults: list[str] = []

    async def profile(self, size: dict[str, int] = DESKTOP, *, scheme: str = "light") -> BrowserContext:
        return await self._browser.new_context(
            permissions=["camera", "microphone"],
            locale="en-US",
            viewport={"width": size["width"], "height": size["height"]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )

    async def visit(self, path: str, size: dict[str, int] = DESKTOP, *, scheme: str = "light") -> Page:
        return await self.tab(await self.profile(size, scheme=scheme), path)

    async def tab(self, profile: BrowserContext, path: str) -> Page:
        """`path` may be a whole address."""
        page = await profile.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console",
            lambda message: self.faults.append(message.text) if "Content Security Policy" in message.text else None,
        )
        await page.goto(path if "://" in path else f"{self.http}{path}")
        return page
