"""`roomful rooms`: a running server's rooms, over the same HTTP interface that LiveKit's server SDKs use (Twirp).

A client like any other: it makes itself a token with the server's key and never looks into the server's process.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, cast

import httpx

from roomful.auth.grant import Grant, VideoGrant
from roomful.cli.arguments import Commands, add_settings, command, settings_of
from roomful.cli.token import signed
from roomful.core.errors import ConfigError, RoomfulError

_EXAMPLES = """\
  roomful rooms list --dev
  roomful rooms create tea --dev
  roomful rooms participants tea --dev
  roomful rooms remove tea ada --dev         its token stops working for this room
  roomful rooms delete tea --dev
  roomful rooms list --url https://rooms.example --keys KEY:SECRET
"""
TIMEOUT_S = 10.0


def add(commands: Commands) -> None:
    parser = command(
        commands, "rooms", "list, open and end rooms of a running server, see who is in them, remove people", _EXAMPLES
    )
    actions = ("list", "create", "delete", "participants", "remove")
    parser.add_argument("action", choices=actions, metavar="ACTION", help=", ".join(actions))
    parser.add_argument("room", nargs="?", default="", metavar="ROOM", help="its name; for all but list")
    parser.add_argument("identity", nargs="?", default="", metavar="IDENTITY", help="who is to be removed")
    parser.add_argument("--url", help="the server's address (http://127.0.0.1 and --port)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the answer as JSON")
    add_settings(parser, ("dev", "data-dir", "keys", "port"))
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    if chosen.action != "list" and not chosen.room:
        raise ConfigError(f"roomful rooms {chosen.action} needs a room")
    if chosen.action == "remove" and not chosen.identity:
        raise ConfigError("roomful rooms remove needs a room and an identity")
    method, body = {
        "list": ("ListRooms", {}),
        "create": ("CreateRoom", {"name": chosen.room}),
        "delete": ("DeleteRoom", {"room": chosen.room}),
        "participants": ("ListParticipants", {"room": chosen.room}),
        "remove": ("RemoveParticipant", {"room": chosen.room, "identity": chosen.identity}),
    }[chosen.action]
    answer = call(chosen, method, body)
    if chosen.as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    elif chosen.action == "list":
        _table(("ROOM", "PEOPLE", "SENDING"), answer.get("rooms"), ("name", "num_participants", "num_publishers"))
    elif chosen.action == "participants":
        _table(("IDENTITY", "NAME", "STATE"), answer.get("participants"), ("identity", "name", "state"))
    return 0


def call(chosen: argparse.Namespace, method: str, body: dict[str, str]) -> dict[str, Any]:
    """One request. Raises RoomfulError with what the server said, or that there is none."""
    settings = settings_of(chosen).settings
    base = (chosen.url or f"http://127.0.0.1:{settings.port}").rstrip("/")
    if base.startswith("ws"):
        base = "http" + base[2:]
    video = VideoGrant(room_create=True, room_list=True, room_admin=True, room=chosen.room)
    token = signed(chosen, Grant(identity="roomful-cli", video=video), 60)
    try:
        answer = httpx.post(
            f"{base}/twirp/livekit.RoomService/{method}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
        )
        said: object = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RoomfulError(f"no answer from {base}: {error}. Is `roomful serve` running there?") from None
    except ValueError:
        raise RoomfulError(f"{base} answered something that is not JSON: is it a Roomful or LiveKit server?") from None
    if not isinstance(said, dict):
        raise RoomfulError(f"{base} answered something else than an object")
    table = cast("dict[str, Any]", said)
    if answer.status_code != 200:
        hint = " (give it the same --dev, --keys or --data-dir as the server)" if answer.status_code == 401 else ""
        raise RoomfulError(f"{base} refused: {table.get('msg') or table.get('code') or answer.status_code}{hint}")
    return table


def _table(heads: tuple[str, ...], rows: list[dict[str, Any]] | None, fields: tuple[str, ...]) -> None:
    lines = [heads, *(tuple(_field(row, field) for field in fields) for row in rows or [])]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    if len(lines) == 1:
        print("none", file=sys.stderr)


def _field(row: dict[str, Any], name: str) -> str:
    """JSON of protobuf may be in either spelling, and leaves zeros out."""
    first, *rest = name.split("_")
    value = row.get(
        name, row.get(first + "".join(one.capitalize() for one in rest), 0 if name.startswith("num_") else "")
    )
    return "".join(letter if letter.isprintable() else "�" for letter in str(value))
