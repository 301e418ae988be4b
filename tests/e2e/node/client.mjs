// An unmodified @livekit/rtc-node client: publishes a picture and a tone, and reports what it receives as JSON lines.
// Called by test_livekit_node.py: node client.mjs URL TOKEN SECONDS
import {
  AudioFrame, AudioSource, AudioStream, LocalAudioTrack, LocalVideoTrack, Room, RoomEvent, TrackKind,
  TrackPublishOptions, TrackSource, VideoBufferType, VideoFrame, VideoSource, VideoStream, dispose,
} from '@livekit/rtc-node';

const [url, token, seconds] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
const room = new Room();
const frames = {};
const loud = {};

room.on(RoomEvent.TrackSubscribed, async (track, publication, participant) => {
  if (track.kind === TrackKind.KIND_VIDEO) {
    for await (const _ of new VideoStream(track)) frames[participant.identity] = (frames[participant.identity] ?? 0) + 1;
  } else {
    for await (const frame of new AudioStream(track)) {
      let peak = 0;
      for (const sample of frame.data) peak = Math.max(peak, Math.abs(sample));
      loud[participant.identity] = Math.max(loud[participant.identity] ?? 0, peak);
    }
  }
});
room.on(RoomEvent.DataReceived, (payload, participant, kind, topic) =>
  tell({ data: new TextDecoder().decode(payload), from: participant?.identity, topic }));

await room.connect(url, token, { autoSubscribe: true, dynacast: true });
tell({ connected: room.name });
room.localParticipant.registerRpcMethod('shout', async (call) => call.payload.toUpperCase());

const video = new VideoSource(320, 240);
const audio = new AudioSource(48000, 1);
const options = (source) => new TrackPublishOptions({ source });
await room.localParticipant.publishTrack(
  LocalVideoTrack.createVideoTrack('picture', video), options(TrackSource.SOURCE_CAMERA));
await room.localParticipant.publishTrack(
  LocalAudioTrack.createAudioTrack('tone', audio), options(TrackSource.SOURCE_MICROPHONE));

const end = Date.now() + Number(seconds) * 1000;
let n = 0;
const pictures = setInterval(() => {
  const pixels = new Uint8Array(320 * 240 * 4).fill((n * 5) % 256);
  video.captureFrame(new VideoFrame(pixels, 320, 240, VideoBufferType.RGBA));
  n += 1;
}, 50);
let at = 0;
while (Date.now() < end) {
  const samples = new Int16Array(480);
  for (let i = 0; i < 480; i += 1) samples[i] = Math.sin(((at + i) * 2 * Math.PI * 440) / 48000) * 12000;
  at += 480;
  await audio.captureFrame(new AudioFrame(samples, 48000, 1, 480));
  if (at % 48000 === 0) tell({ frames, loud });
}
clearInterval(pictures);
await room.disconnect();
await dispose();
process.exit(0);
