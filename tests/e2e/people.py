"""People in a call: a browser page whatever the browser, and what can be read from it.

Called by the end-to-end tests. Reads the page's own LiveKit room (`window.__roomful.room`), so that what is asserted
is what the browser decoded, not what the server believes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Page(Protocol):
    """What a test needs of a browser's tab."""

    async def evaluate(self, expression: str) -> Any: ...


RECEIVED = """(async () => {
  const room = window.__roomful?.room; const out = {};
  if (!room) return out;
  for (const p of room.remoteParticipants.values()) {
    const tracks = {};
    for (const pub of p.trackPublications.values()) {
      const receiver = pub.track?.receiver;
      if (!receiver) continue;
      const stats = {};
      for (const s of (await receiver.getStats()).values())
        if (s.type === 'inbound-rtp') Object.assign(stats, {
          packets: s.packetsReceived, lost: s.packetsLost, frames: s.framesDecoded ?? 0, width: s.frameWidth ?? 0,
          height: s.frameHeight ?? 0, energy: s.totalAudioEnergy ?? 0, freezes: s.freezeCount ?? 0,
          freezeTime: s.totalFreezesDuration ?? 0, concealed: s.concealedSamples ?? 0, nacks: s.nackCount ?? 0, plis: s.pliCount ?? 0 });
      tracks[pub.source] = stats;
    }
    out[p.name || p.identity] = tracks;
  }
  return out;
})()"""


@dataclass
class Person:
    """Somebody in a room."""

    name: str
    page: Page

    async def received(self) -> dict[str, dict[str, dict[str, float]]]:
        """For each other participant and source, the receiver's counters."""
        return await self.page.evaluate(RECEIVED)

    async def state(self) -> str:
        return await self.page.evaluate("window.__roomful?.room?.state ?? 'none'")

    async def sees(self, other: str, source: str = "camera", more_than: float = 0) -> bool:
        stats = (await self.received()).get(other, {}).get(source, {})
        return stats.get("frames", 0) > more_than

    async def hears(self, other: str, more_than: float = 0) -> bool:
        stats = (await self.received()).get(other, {}).get("microphone", {})
        return stats.get("energy", 0) > more_than


async def until(what: str, check: Callable[[], Awaitable[bool]], within_s: float = 20) -> None:
    """Waits until `check` holds; a test fails with `what` otherwise."""
    end = time.monotonic() + within_s
    error: Exception | None = None
    while time.monotonic() < end:
        try:
            if await check():
                return
            error = None
        except Exception as caught:  # noqa: BLE001 - a page that is still loading throws; the deadline decides
            error = caught
        await asyncio.sleep(0.2)
    raise AssertionError(f"not within {within_s} s: {what}" + (f" ({error})" if error else ""))


async def everyone_sees_everyone(people: list[Person], names: list[str] | None = None, within_s: float = 30) -> None:
    """Frames decoded and audio energy from each to each."""
    names = names if names is not None else [p.name for p in people]
    for person in people:
        for other in names:
            if other == person.name:
                continue

            async def sees(person: Person = person, other: str = other) -> bool:
                return await person.sees(other, more_than=5)

            async def hears(person: Person = person, other: str = other) -> bool:
                return await person.hears(other)

            await until(f"{person.name} sees {other}", sees, within_s)
            await until(f"{person.name} hears {other}", hears, within_s)
