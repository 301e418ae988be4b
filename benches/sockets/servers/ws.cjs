// Node's `ws`: echo at /echo, rooms at /room/…, whose members hear what the others say. Called by benches/ws.py with a port and
// where the package lies.
const [, , port, where] = process.argv;
const { WebSocketServer } = require(where);
const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), perMessageDeflate: false });
server.on("connection", (socket, request) => {
  socket.on("error", () => {});
  if (!request.url.startsWith("/room/")) {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    return;
  }
  const room = rooms.get(request.url) ?? new Set();
  rooms.set(request.url, room.add(socket));
  socket.on("message", (data, binary) => {
    for (const member of room) if (member !== socket) member.send(data, { binary });
  });
  socket.on("close", () => room.delete(socket));
});
