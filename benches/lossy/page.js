// Run in the pages of benches.loss. `watch` keeps what a receiver says of itself four times a second.
const seen = [];
let stop = () => {};

function watch(stats) {
  stop();
  seen.length = 0;
  const timer = setInterval(async () => {
    const now = { at: Date.now() };
    for (const s of await stats()) {
      if (s.type === 'inbound-rtp' && s.kind === 'video')
        Object.assign(now, {
          frames: s.framesDecoded ?? 0, lines: s.frameHeight ?? 0, bytes: s.bytesReceived ?? 0,
          frozen: s.totalFreezesDuration ?? 0, freezes: s.freezeCount ?? 0, nacks: s.nackCount ?? 0, plis: s.pliCount ?? 0,
          repaired: s.retransmittedPacketsReceived ?? 0, lost: s.packetsLost ?? 0, packets: s.packetsReceived ?? 0,
          keys: s.keyFramesDecoded ?? 0, dropped: s.framesDropped ?? 0, waited: s.jitterBufferDelay ?? 0, emitted: s.jitterBufferEmittedCount ?? 0,
        });
      else if (s.type === 'inbound-rtp')
        Object.assign(now, {
          samples: s.totalSamplesReceived ?? 0, concealed: (s.concealedSamples ?? 0) - (s.silentConcealedSamples ?? 0),
          sound: s.bytesReceived ?? 0, sound_lost: s.packetsLost ?? 0, sound_packets: s.packetsReceived ?? 0,
          sound_waited: s.jitterBufferDelay ?? 0, sound_emitted: s.jitterBufferEmittedCount ?? 0,
          sound_discarded: s.packetsDiscarded ?? 0, fec: s.fecPacketsReceived ?? 0,
        });
      else if (s.type === 'outbound-rtp' && s.kind === 'video')
        (now.sent ??= []).push([s.rid ?? '', s.frameHeight ?? 0, s.framesEncoded ?? 0, s.bytesSent ?? 0, s.qualityLimitationReason ?? '', s.targetBitrate ?? 0]);
      else if (s.type === 'candidate-pair' && s.nominated && s.availableOutgoingBitrate)
        now.available = s.availableOutgoingBitrate;
    }
    seen.push(now);
  }, 250);
  stop = () => clearInterval(timer);
}

function show(track) {
  const element = document.createElement(track.kind);
  element.srcObject = new MediaStream([track]);
  element.autoplay = true;
  element.width = 320;
  document.body.append(element);
}

const camera = () => navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, frameRate: 30 }, audio: true });
const all = async (peers) => (await Promise.all(peers.map(async (p) => [...(await p.getStats()).values()]))).flat();

// Through a LiveKit server.
async function join(url, token, publishes) {
  const lk = window.LivekitClient;
  const room = new lk.Room({ adaptiveStream: false, dynacast: true });
  window.room = room;
  room.on('trackSubscribed', (track) => show(track.mediaStreamTrack));
  await room.connect(url, token);
  if (publishes)
    for (const track of (await camera()).getTracks())
      await room.localParticipant.publishTrack(track, {
        simulcast: true, videoSimulcastLayers: [new lk.VideoPreset(320, 240, 200_000, 30)], videoCodec: 'vp8', videoEncoding: { maxBitrate: 1_000_000, maxFramerate: 30 }, dtx: false, red: publishes.red,
        source: track.kind === 'video' ? 'camera' : 'microphone',
      });
  watch(() => all([...room.remoteParticipants.values()].flatMap((p) => [...p.trackPublications.values()])
    .map((p) => p.track?.receiver).filter((r) => r)
    .concat([...room.localParticipant.trackPublications.values()].map((p) => p.track?.sender).filter((s) => s))));
}

// From one to the other; SDP goes through the bench.
async function gathered(peer) {
  if (peer.iceGatheringState !== 'complete')
    await new Promise((done) => (peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done()));
  return peer.localDescription.sdp;
}

async function offer() {
  const peer = (window.peer = new RTCPeerConnection());
  for (const track of (await camera()).getTracks()) {
    const sends = peer.addTransceiver(track, { direction: 'sendonly', sendEncodings: track.kind === 'video' ? [{ maxBitrate: 1_000_000, maxFramerate: 30 }] : [{}] });
    if (track.kind === 'video')
      sends.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter((c) => /VP8|rtx/.test(c.mimeType)));
  }
  await peer.setLocalDescription();
  watch(() => all([peer]));
  return gathered(peer);
}

async function answer(sdp) {
  const peer = (window.peer = new RTCPeerConnection());
  peer.ontrack = ({ track }) => show(track);
  await peer.setRemoteDescription({ type: 'offer', sdp });
  await peer.setLocalDescription();
  watch(() => all([peer]));
  return gathered(peer);
}
