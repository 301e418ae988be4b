"""A WebSocket server of one's own: `python examples/echo.py`, then open http://localhost:8080 and say something."""

from pathlib import Path

from roomful import Roomful

roomful = Roomful(dev=True, bind=["127.0.0.1"], port=8080)


# Any page may talk to an echo, also one that is opened as a file.
@roomful.websocket("/", origins=["*"], page=Path(__file__).with_name("echo.html"))
class Echo:
    def connect(self, client):
        print("Client connected")

    def message(self, client, message):
        print("Received:", message)
        client.send(f"You said: {message}")

    def close(self, client):
        print("Client disconnected")


if __name__ == "__main__":
    raise SystemExit(roomful.run())
