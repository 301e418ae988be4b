"""The main job: people in browsers see and hear each other, chat, share a screen, and survive bad moments."""

from __future__ import annotations

import pytest
from conftest import Enter, own_address
from people import Person, everyone_sees_everyone, until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


async def test_two_chromiums_see_and_hear_each_other(enter: Enter) -> None:
    ada = await enter("Ada", "tea")
    bob = await enter("Bob", "tea")
    await everyone_sees_everyone([ada, bob])


# On a real network media overtakes the answer that names it. Firefox once gave it to somebody else's section then, and kept the
# new one deaf for good.
LATE_ANSWERS = """
const take = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = async function (description) {
  await new Promise((done) => setTimeout(done, 700));
  return take.call(this, description);
};
"""


@pytest.mark.skipif(own_address() is None, reason="Firefox needs an address that is not loopback")
async def test_firefox_and_two_chromiums_share_a_room(enter: Enter) -> None:
    ada = await enter("Ada", "mixed")
    fox = await enter("Fox", "mixed", browser="firefox", script=LATE_ANSWERS)
    bob = await enter("Bob", "mixed")
    await everyone_sees_everyone([ada, bob, fox], within_s=90)


async def test_somebody_who_leaves_is_gone_and_the_others_go_on(enter: Enter) -> None:
    ada, bob, eve = [await enter(name, "leave") for name in ("Ada", "Bob", "Eve")]
    await everyone_sees_everyone([ada, bob, eve], within_s=45)
    await eve.page.evaluate("window.__roomful.room.disconnect()")

    async def gone() -> bool:
        return "Eve" not in await ada.received() and "Eve" not in await bob.received()

    await until("Eve is gone", gone)
    frames = (await ada.received())["Bob"]["camera"]["frames"]

    async def more() -> bool:
        return await ada.sees("Bob", more_than=frames + 10)

    await until("Ada goes on seeing Bob", more)


async def test_a_muted_camera_stops_and_comes_back(enter: Enter) -> None:
    ada, bob = [await enter(name, "mute") for name in ("Ada", "Bob")]
    await everyone_sees_everyone([ada, bob])
    await bob.page.evaluate("window.__roomful.room.localParticipant.setCameraEnabled(false).then(() => true)")

    async def muted() -> bool:
        return bool(
            await ada.page.evaluate(
                "[...window.__roomful.room.remoteParticipants.values()].every(p => !p.isCameraEnabled)"
            )
        )

    await until("Ada is told that Bob's camera is off", muted)
    before = (await ada.received())["Bob"]["camera"].get("frames", 0)
    await bob.page.evaluate("window.__roomful.room.localParticipant.setCameraEnabled(true).then(() => true)")

    async def back() -> bool:
        return await ada.sees("Bob", more_than=5 if before == 0 else before + 5)

    await until("Ada sees Bob again", back)


async def test_a_screen_is_shared(enter: Enter) -> None:
    ada, bob = [await enter(name, "screen") for name in ("Ada", "Bob")]
    await everyone_sees_everyone([ada, bob])
    await bob.page.evaluate("window.__roomful.room.localParticipant.setScreenShareEnabled(true).then(() => true)")

    async def shared() -> bool:
        return await ada.sees("Bob", "screen_share", more_than=0)

    await until("Ada sees Bob's screen", shared)


WATCH_TRANSPORT = """(() => {
  const room = window.__roomful.room;
  window.transport = () => { const one = room.engine.pcManager.publisher; return one._pc ?? one.pc; };
  window.moved = []; window.came_back = false;
  window.transport_before = transport();
  transport().addEventListener('connectionstatechange', () => moved.push(transport_before.connectionState));
  room.on('reconnected', () => { window.came_back = true; });
})()"""


async def test_a_cut_signal_connection_leaves_no_gap_in_media(enter: Enter) -> None:
    ada, bob = [await enter(name, "cut") for name in ("Ada", "Bob")]
    await everyone_sees_everyone([ada, bob])

    async def settled() -> bool:
        return await ada.sees("Bob", more_than=120)

    await until("the picture has settled", settled, 30)
    await ada.page.evaluate(WATCH_TRANSPORT)
    before = (await ada.received())["Bob"]["camera"]
    await ada.page.evaluate("window.__roomful.room.simulateScenario('signal-reconnect').then(() => true)")

    async def came_back() -> bool:
        return await ada.page.evaluate("window.came_back") and await ada.state() == "connected"

    await until("Ada is connected again", came_back)

    async def goes_on() -> bool:
        return await ada.sees("Bob", more_than=before["frames"] + 30)

    await until("Ada goes on seeing Bob", goes_on)
    assert await ada.page.evaluate("window.moved") == [], "media's way stays as it is"
    assert await ada.page.evaluate("transport() === window.transport_before")
    await everyone_sees_everyone([ada, bob])
    rejoined = await bob.page.evaluate("window.__roomful.room.remoteParticipants.size")
    assert rejoined == 1


@pytest.mark.parametrize(
    "scenario", ["full-reconnect", "resume-reconnect", "server-leave", "migration", "node-failure"]
)
async def test_every_reconnect_the_client_can_try_ends_connected(enter: Enter, scenario: str) -> None:
    ada, bob = [await enter(name, f"again-{scenario}") for name in ("Ada", "Bob")]
    await everyone_sees_everyone([ada, bob])
    await ada.page.evaluate(
        "(window.came_back = false, window.__roomful.room.on('reconnected', () => { window.came_back = true; }), true)"
    )
    await ada.page.evaluate(f"(window.__roomful.room.simulateScenario('{scenario}'), true)")
    if scenario == "server-leave":

        async def out() -> bool:
            return await ada.state() == "disconnected"

        await until("Ada was told to leave", out)
        return

    async def connected() -> bool:
        return await ada.page.evaluate("window.came_back") and await ada.state() == "connected"

    await until("Ada is connected again", connected, 30)
    for one, other in ((ada, "Bob"), (bob, "Ada")):
        frames = (await one.received()).get(other, {}).get("camera", {}).get("frames", 0)

        async def more(one: Person = one, other: str = other, frames: float = frames) -> bool:
            return await one.sees(other, more_than=frames + 10)

        await until(f"{one.name} sees {other} after {scenario}", more, 30)
