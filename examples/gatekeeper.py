"""A hook at the door: a closed list, no room larger than a class, and guests that only watch.

`python examples/gatekeeper.py`; join the room `class` as `Teacher`, or as anybody else.
"""

from dataclasses import replace

from roomful import Roomful

roomful = Roomful(dev=True)
ROOMS = {"class", "lobby"}


async def may_teach(name: str) -> bool:
    """Stands for a question to a database: hooks may be async, and have five seconds."""
    return name == "Teacher"


@roomful.on_join
async def door(request):
    if request.room not in ROOMS:
        raise request.refuse(f"there is no room {request.room!r} here")
    if len(roomful.participants(request.room)) >= 30:
        raise request.refuse("the class is full")
    if await may_teach(request.name):
        return request.change(metadata="teacher")
    return request.change(permission=replace(request.permission, can_publish=False), metadata="guest")


if __name__ == "__main__":
    raise SystemExit(roomful.run())
