"""Codecs that somebody cannot have: what is told, and what comes in their place."""

from __future__ import annotations

import pytest
from clients import Connect, publish_picture
from conftest import Enter, Sdk
from livekit import rtc
from people import until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


async def test_a_browser_without_h264_is_told_and_hears_all_the_same(enter: Enter, connect: Connect) -> None:
    """Debian's Firefox has no H.264."""
    client = await connect("snake", "no-h264")
    feeding = await publish_picture(client, rtc.VideoCodec.H264, simulcast=False)
    try:
        fox = await enter("Fox", "no-h264", browser="firefox")

        async def hears() -> bool:
            return await fox.hears("snake")

        await until("Firefox hears", hears, 40)

        # Our page joins before a test can listen, so the camera is asked for once more.
        await fox.page.evaluate("""(() => {
          const room = window.__roomful.room; window.__failed = '';
          room.on('trackSubscriptionFailed', (sid, who, reason) => { window.__failed = `${who.identity} ${reason}`; });
          for (const who of room.remoteParticipants.values())
            for (const one of who.videoTrackPublications.values()) { one.setSubscribed(false); one.setSubscribed(true); }
        })()""")

        async def told() -> bool:
            # SubscriptionError.SE_CODEC_UNSUPPORTED
            return await fox.page.evaluate("window.__failed") == "snake 1"

        await until("Firefox is told that it has no codec for the picture", told)
        assert not await fox.sees("snake")
    finally:
        feeding.cancel()


WITHOUT = """
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (kind, init) {
    const made = add.call(this, kind, init);
    if (kind === 'video' && init?.direction === 'recvonly')
      made.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(
        (one) => one.mimeType.toLowerCase() !== 'video/%s'));
    return made;
  };"""
"""A browser that cannot receive one codec."""
RECEIVED_CODEC = """
  for (const who of room.remoteParticipants.values())
    for (const one of who.videoTrackPublications.values()) {
      const stats = await one.track?.receiver?.getStats();
      if (!stats) continue;
      for (const s of stats.values())
        if (s.type === 'inbound-rtp' && s.framesDecoded > 0) return stats.get(s.codecId)?.mimeType ?? '';
    }
  return '';"""
SENT_CODECS = """
  const sent = new Set();
  for (const s of (await room.engine.pcManager.publisher.getStats()).values())
    if (s.type === 'outbound-rtp' && s.kind === 'video' && s.active) sent.add(s.mid);
  return sent.size;"""


@pytest.mark.parametrize(
    ("primary", "policy", "at_once"), [("vp9", 1, 2), ("av1", 0, 1)], ids=["vp9-simulcast", "av1-regression"]
)
async def test_a_backup_codec_serves_who_cannot_have_the_first(
    sdk: Sdk, primary: str, policy: int, at_once: int
) -> None:
    room = f"backup-{primary}-{policy}"
    ada = await sdk("Ada", room, options={"dynacast": True})
    rich = await sdk("Rich", room)
    await ada.run(f"""
      await room.localParticipant.setCameraEnabled(true, undefined, {{
        videoCodec: '{primary}', backupCodec: true, backupCodecPolicy: {policy} }});""")

    async def first() -> bool:
        return (await rich.run(RECEIVED_CODEC)).lower() == f"video/{primary}"

    await until("who can have the first codec gets it", first, 40)
    poor = await sdk("Poor", room, script=WITHOUT % primary)

    async def backup() -> bool:
        return (await poor.run(RECEIVED_CODEC)).lower() == "video/vp8"

    await until("who cannot gets the backup", backup, 40)

    async def sent() -> bool:
        return await ada.run(SENT_CODECS) == at_once

    await until(f"the publisher sends {at_once} codecs", sent, 40)
    before = (await rich.received())["Ada"]["camera"]["frames"]

    async def goes_on() -> bool:
        return await rich.sees("Ada", more_than=before + 30) and (
            policy == 1 or (await rich.run(RECEIVED_CODEC)).lower() == "video/vp8"
        )

    await until("the picture goes on for the first one", goes_on, 30)


WITHOUT_RED = """
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (kind, init) {
    const made = add.call(this, kind, init);
    if (kind === 'audio' && init?.direction === 'recvonly')
      made.setCodecPreferences(RTCRtpReceiver.getCapabilities('audio').codecs.filter(
        (one) => one.mimeType.toLowerCase() !== 'audio/red'));
    return made;
  };"""
SOUND = """
  for (const who of room.remoteParticipants.values())
    for (const one of who.audioTrackPublications.values())
      for (const s of (await one.track?.receiver?.getStats())?.values() ?? [])
        if (s.type === 'inbound-rtp') return [s.packetsReceived, s.bytesReceived, s.totalAudioEnergy];
  return [0, 0, 0];"""


async def test_sound_with_redundancy_goes_as_red_or_as_opus(sdk: Sdk) -> None:
    """RFC 2198: who has no RED gets its primary block. Chromium names the codec inside, so that only sizes tell."""
    ada = await sdk("Ada", "red")
    people = [await sdk("Rich", "red"), await sdk("Poor", "red", script=WITHOUT_RED)]
    await ada.run("await room.localParticipant.setMicrophoneEnabled(true, undefined, { red: true, dtx: false });")

    async def hear(more_than: list[list[float]], packets: int) -> bool:
        now = [await who.run(SOUND) for who in people]
        pairs = list(zip(now, more_than, strict=True))
        return all(one[0] > before[0] + packets and one[2] > before[2] for one, before in pairs)

    await until("both hear", lambda: hear([[0, 0, 0]] * 2, 50), 40)
    before = [await who.run(SOUND) for who in people]
    await until("both go on hearing", lambda: hear(before, 250), 40)
    after = [await who.run(SOUND) for who in people]
    rich, poor = ((b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(before, after, strict=True))
    assert rich > 1.3 * poor, (rich, poor)
