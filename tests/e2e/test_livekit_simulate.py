"""Every scenario that `livekit-client` offers to simulate, run by it in a browser: what comes back is what its users count on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from clients import Connect, Seen
from conftest import Sdk
from people import until
from sdk_page import SdkPerson

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


async def _publishing(sdk: Sdk, room: str) -> SdkPerson:
    ada = await sdk("Ada", room)
    await ada.run("await room.localParticipant.setCameraEnabled(true);")
    return ada


async def _path(person: SdkPerson) -> str:
    """The protocol of the candidate pair in use."""
    return await person.run("""
      const pc = room.engine.pcManager.publisher.pc ?? room.engine.pcManager.publisher._pc;
      const stats = await pc.getStats();
      for (const s of stats.values())
        if (s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded')
          return stats.get(s.localCandidateId).protocol;
      return '';""")


@pytest.mark.parametrize(
    ("scenario", "event"),
    [
        ("signal-reconnect", "signalReconnecting"),
        ("resume-reconnect", "signalReconnecting"),
        ("disconnect-signal-on-resume", "signalReconnecting"),
        ("disconnect-signal-on-resume-no-messages", "signalReconnecting"),
        ("full-reconnect", "reconnecting"),
        ("leave-full-reconnect", "reconnecting"),
        ("node-failure", "reconnecting"),
        ("migration", "reconnecting"),
        ("force-tcp", "reconnecting"),
        ("force-tls", "reconnecting"),
    ],
)
async def test_a_client_comes_back_and_is_seen_again(sdk: Sdk, connect: Connect, scenario: str, event: str) -> None:
    room = f"sim-{scenario}"
    ada = await _publishing(sdk, room)
    other = await connect("snake", room)
    seen = Seen(other)

    async def sees() -> bool:
        return seen.video("Ada") > 5

    await until("the camera is seen", sees)
    await ada.run(f"await room.simulateScenario('{scenario}')")

    async def back() -> bool:
        again = await ada.heard("reconnected")
        return bool(again) and await ada.state() == "connected"

    await until(f"the client is back after {scenario}", back, 40)
    assert await ada.heard(event)
    seen.frames.clear()
    await until("the camera is seen again", sees, 30)
    assert [one.identity for one in other.remote_participants.values()] == ["Ada"]
    if scenario.startswith("force"):
        assert await _path(ada) == "tcp"


async def test_a_leave_by_the_server_is_final(sdk: Sdk) -> None:
    ada = await sdk("Ada", "sim-leave")
    await ada.run("await room.simulateScenario('server-leave')")

    async def gone() -> bool:
        return await ada.state() == "disconnected" and bool(await ada.heard("disconnected"))

    await until("the client has left", gone)
    assert await ada.heard("reconnecting") == []


async def test_a_simulated_narrow_link_gets_a_lower_layer(sdk: Sdk) -> None:
    ada = await sdk("Ada", "sim-bandwidth")
    bob = await sdk("bob", "sim-bandwidth")
    await ada.run("""await room.localParticipant.setCameraEnabled(
      true, {resolution: {width: 1280, height: 720, frameRate: 15}}, {videoCodec: 'vp8', simulcast: true});""")

    async def settles(what: str, fits: Callable[[float], bool]) -> None:
        async def right() -> bool:
            stats = (await bob.received())["Ada"]["camera"]
            before = stats["frames"]
            await asyncio.sleep(1)
            stats = (await bob.received())["Ada"]["camera"]
            return fits(stats["width"]) and stats["frames"] > before + 5

        await until(what, right, 40)

    await settles("all of it comes", lambda width: width >= 1200)
    await bob.run("await room.simulateScenario('subscriber-bandwidth', 400_000)")
    await settles("a lower layer comes", lambda width: 0 < width < 700)
    await bob.run("await room.simulateScenario('subscriber-bandwidth', 0)")
    await settles("all of it comes again", lambda width: width >= 1200)


async def test_a_simulated_speaker_speaks_for_a_while(sdk: Sdk) -> None:
    ada = await sdk("Ada", "sim-speaker")
    await ada.run("await room.simulateScenario('speaker')")

    async def speaks() -> bool:
        return await ada.run("return room.activeSpeakers.length === 1")

    await until("the speaker is active", speaks)

    async def silent() -> bool:
        return await ada.run("return room.activeSpeakers.length === 0")

    await until("and falls silent", silent)


async def test_reliable_data_of_a_cut_connection_arrives_once_each(sdk: Sdk, connect: Connect) -> None:
    """Both ways: what was sent while the signal connection was away is not lost and not doubled."""
    ada = await sdk("Ada", "sim-data")
    got: list[bytes] = []
    snake = await connect("snake", "sim-data")
    snake.on("data_received", lambda packet: got.append(packet.data))
    await ada.run("""
      window.sending = (async () => {
        for (let n = 0; n < 60; n += 1) {
          await room.localParticipant.publishData(new TextEncoder().encode(String(n)), {reliable: true});
          await new Promise((done) => setTimeout(done, 50));
        }
      })();""")
    await ada.run("await room.simulateScenario('signal-reconnect')")
    for n in range(60):
        await snake.local_participant.publish_data(str(n).encode(), reliable=True)
        await asyncio.sleep(0.05)
    await ada.run("await window.sending")

    async def all_there() -> bool:
        return len(got) >= 60 and len(await ada.heard("dataReceived")) >= 60

    await until("all of it arrives", all_there)
    assert got == [str(n).encode() for n in range(60)]
    assert [args[0] for args in await ada.heard("dataReceived")] == [str(n) for n in range(60)]
