"""A whole server with hooks: `python examples/plain_server.py`, then open the printed address twice."""

from roomful import Roomful

roomful = Roomful(dev=True)


@roomful.on_join
def welcome(request):
    print(f"{request.name or request.identity} comes to {request.room}")


@roomful.on_leave
def goodbye(room, participant):
    print(f"{participant.name or participant.identity} leaves {room.name}")


if __name__ == "__main__":
    raise SystemExit(roomful.run())
