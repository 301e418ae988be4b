"""`roomful token`: a token for a client, signed with the server's key. Prints the token alone, so that it can be piped."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from roomful.auth.grant import Grant, VideoGrant
from roomful.auth.token import sign
from roomful.cli.arguments import Commands, add_settings, command, settings_of
from roomful.core.errors import ConfigError

_EXAMPLES = """\
  roomful token --dev --room tea --identity ada --join
  roomful token --dev --room tea --identity watcher --join --no-publish
  roomful token --room tea --identity admin --admin --for 600
  roomful token --create --list               for a backend that calls the server API
Without --dev or --keys it is signed with the key in the data directory: run it as the server's user.
"""


def add(commands: Commands) -> None:
    parser = command(commands, "token", "print a token for a LiveKit client, signed with the server's key", _EXAMPLES)
    parser.add_argument("--identity", default="", metavar="TEXT", help="who it is for; needed with --join")
    parser.add_argument("--room", default="", metavar="TEXT", help="which room; needed with --join and --admin")
    parser.add_argument("--name", default="", metavar="TEXT", help="name that people see")
    parser.add_argument("--metadata", default="", metavar="TEXT", help="text that programs see")
    parser.add_argument("--join", action="store_true", help="may enter the room")
    parser.add_argument("--admin", action="store_true", help="may administer the room")
    parser.add_argument("--create", action="store_true", help="may make and end rooms")
    parser.add_argument("--list", action="store_true", help="may list rooms")
    parser.add_argument("--agent", action="store_true", help="may register as an agent worker")
    parser.add_argument("--hidden", action="store_true", help="nobody sees it in the room")
    parser.add_argument("--no-publish", action="store_true", help="may not send media")
    parser.add_argument("--no-subscribe", action="store_true", help="may not receive media")
    parser.add_argument("--no-data", action="store_true", help="may not send data")
    parser.add_argument("--update-own", action="store_true", help="may change its own name and metadata")
    parser.add_argument(
        "--for", dest="ttl", type=int, default=6 * 3600, metavar="S", help="seconds until it expires (21600)"
    )
    add_settings(parser, ("dev", "data-dir", "keys"))
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    if not (chosen.join or chosen.admin or chosen.create or chosen.list or chosen.agent):
        raise ConfigError("say what the token allows: --join, --admin, --create, --list or --agent")
    if chosen.join and not (chosen.room and chosen.identity):
        raise ConfigError("--join needs --room and --identity")
    if chosen.admin and not chosen.room:
        raise ConfigError("--admin needs --room")
    if chosen.ttl <= 0:
        raise ConfigError("--for: expected a number of seconds above 0")
    print(signed(chosen, grant_of(chosen), chosen.ttl))
    return 0


def grant_of(chosen: argparse.Namespace) -> Grant:
    video = VideoGrant(
        room_join=chosen.join,
        room=chosen.room,
        room_admin=chosen.admin,
        room_create=chosen.create,
        room_list=chosen.list,
        agent=chosen.agent,
        hidden=chosen.hidden,
        can_update_own_metadata=True if chosen.update_own else None,
    )
    for said, field in (
        ("no_publish", "can_publish"),
        ("no_subscribe", "can_subscribe"),
        ("no_data", "can_publish_data"),
    ):
        if getattr(chosen, said):
            video = replace(video, **{field: False})
    return Grant(identity=chosen.identity, name=chosen.name, metadata=chosen.metadata, video=video)


def signed(chosen: argparse.Namespace, grant: Grant, ttl_s: int) -> str:
    """With the first key that the settings name, or that the server made. Raises ConfigError."""
    from roomful.app.parts import credentials

    key, secret = next(iter(credentials(settings_of(chosen).settings).keys.items()))
    return sign(grant, key=key, secret=secret, now_s=int(time.time()), ttl_s=ttl_s)
