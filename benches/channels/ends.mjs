// Two ends of one data channel in one Node process, by node-datachannel (libdatachannel): `node ends.mjs BYTES SECONDS` prints JSON.
import nodeDataChannel from "node-datachannel";

const [size, seconds] = process.argv.slice(2).map(Number);
const FULL = 1 << 20;
const options = { iceServers: [], maxMessageSize: 262144 };
const one = new nodeDataChannel.PeerConnection("one", options);
const other = new nodeDataChannel.PeerConnection("other", options);
for (const [from, to] of [[one, other], [other, one]]) {
  from.onLocalDescription((sdp, type) => to.setRemoteDescription(sdp, type));
  from.onLocalCandidate((candidate, mid) => to.addRemoteCandidate(candidate, mid));
}
let count = 0;
let seen;
other.onDataChannel((channel) => {
  seen = channel;
  channel.onMessage(() => { count += 1; });
});
const channel = one.createDataChannel("bench");
const message = Buffer.alloc(size, 7);
channel.setBufferedAmountLowThreshold(FULL / 2);

function send(until) {
  return new Promise((resolve) => {
    const more = () => {
      while (channel.bufferedAmount() < FULL) {
        for (let n = 0; n < 16; n++) channel.sendMessageBinary(message);
      }
      if (performance.now() >= until) resolve();
      else setImmediate(more);
    };
    more();
  });
}

channel.onOpen(async () => {
  await send(performance.now() + 1000);
  const start = performance.now();
  const before = count;
  await send(start + seconds * 1000);
  const rate = (count - before) / ((performance.now() - start) / 1000);
  console.log(JSON.stringify({ messages_per_s: rate, bytes_per_s: rate * size }));
  process.exit(0);
});
