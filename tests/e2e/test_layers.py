"""Layered video (SVC) from Chromium: a subscriber asks for a quality, and the picture it decodes has that size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from clients import Connect, publish_picture
from conftest import Sdk
from livekit import rtc
from people import Person, until
from sdk_page import SdkPerson

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]

# 1280×720, because browsers make no layer below about 256×135.
PUBLISH = """
  await room.localParticipant.setCameraEnabled(
    true, {{resolution: {{width: 1280, height: 720, frameRate: 15}}}},
    {{videoCodec: '{codec}', scalabilityMode: '{mode}', backupCodec: false,
      videoEncoding: {{maxBitrate: 1_500_000, maxFramerate: 15}}}});
"""
VIEW = "[...room.remoteParticipants.values()][0].getTrackPublication('camera').{call};"


async def _settles(person: Person, other: str, what: str, fits: Callable[[float], bool]) -> float:
    """Waits until frames of the right width are decoded, and go on being decoded; returns the width."""

    async def right() -> bool:
        stats = (await person.received()).get(other, {}).get("camera", {})
        return fits(stats.get("width", 0))

    await until(f"{person.name} gets {what}", right, 40)
    before = (await person.received())[other]["camera"]["frames"]

    async def goes_on() -> bool:
        stats = (await person.received())[other]["camera"]
        return fits(stats["width"]) and stats["frames"] > before + 15

    await until(f"{person.name} goes on getting {what}", goes_on, 40)
    return (await person.received())[other]["camera"]["width"]


async def _walks_through(bob: SdkPerson, other: str) -> list[float]:
    """The widths that three qualities have, on the way down and up again."""
    widths = [await _settles(bob, other, "a picture", lambda width: width > 0)]
    await bob.run(VIEW.format(call="setVideoQuality(2)"))
    top = await _settles(bob, other, "all layers", lambda width: width >= 1200)
    for quality, low, high in ((1, 500, 700), (0, 200, 400), (1, 500, 700), (2, 1200, 1300)):
        await bob.run(VIEW.format(call=f"setVideoQuality({quality})"))
        widths.append(
            await _settles(bob, other, f"quality {quality}", lambda width, low=low, high=high: low <= width <= high)
        )
    return [top, *widths]


@pytest.mark.parametrize("mode", ["L3T3_KEY", "L3T3"])
@pytest.mark.parametrize("codec", ["vp9", "av1"])
async def test_a_browser_gets_the_layer_it_asks_for(sdk: Sdk, codec: str, mode: str) -> None:
    ada = await sdk("ada", f"layers-{codec}-{mode}")
    bob = await sdk("bob", f"layers-{codec}-{mode}")
    await ada.run(PUBLISH.format(codec=codec, mode=mode))
    await _walks_through(bob, "ada")

    async def frames_a_second() -> float:
        before, began = (await bob.received())["ada"]["camera"]["frames"], time.monotonic()
        await asyncio.sleep(2)
        return ((await bob.received())["ada"]["camera"]["frames"] - before) / (time.monotonic() - began)

    # A busy machine encodes fewer; what counts is that fewer come of what there is.
    many = await frames_a_second()
    await bob.run(VIEW.format(call="setVideoFPS(4)"))

    async def fewer() -> bool:
        return 0.5 <= await frames_a_second() < 0.7 * many

    async def more() -> bool:
        return await frames_a_second() > 0.8 * many

    await until("fewer frames come", fewer, 40)
    await bob.run(VIEW.format(call="setVideoFPS(60)"))
    await until("all frames come again", more, 40)


async def test_a_browser_chooses_layers_of_the_python_sdk(sdk: Sdk, connect: Connect) -> None:
    ada = await connect("ada", "layers-python")
    bob = await sdk("bob", "layers-python")
    feeding = await publish_picture(ada, rtc.VideoCodec.VP9, 1280, 720, scalability_mode="L3T3_KEY")
    try:
        await _walks_through(bob, "ada")
    finally:
        feeding.cancel()
