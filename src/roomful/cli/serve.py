"""`roomful serve`: settings, logging, a banner that says where to go, and the server until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import sys

from roomful.cli.arguments import Commands, add_settings, command, settings_of
from roomful.cli.banner import banner
from roomful.cli.logs import set_up_logging

_EXAMPLES = """\
  roomful serve --dev                     try it on this machine; LiveKit's tutorials work as they are
  roomful serve                           for your network: https with a QR code, a host link, a key of its own
  roomful serve --bind 127.0.0.1 --rtc-bind 0.0.0.0
                                          behind a reverse proxy, which does https; media passes beside it
  roomful serve --node-ip 203.0.113.7     behind NAT: the address that clients shall send media to
  roomful serve --config livekit.yaml     with the file you have
  ROOMFUL_PORT=8000 roomful serve         the same options in the environment
"""


def add(commands: Commands) -> None:
    parser = command(
        commands, "serve", "run the server until Ctrl-C or SIGTERM; clients are told before it ends", _EXAMPLES
    )
    add_settings(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    loaded = settings_of(chosen)
    settings = loaded.settings
    set_up_logging(settings.log_level, as_json=settings.log_json)
    for warning in loaded.warnings:
        print(f"roomful: warning: {warning}", file=sys.stderr)
    # Late, so that --help and mistakes in arguments answer at once.
    from roomful.app import Roomful, serve

    def ready(server: Roomful) -> None:
        print(banner(server, color=sys.stdout.isatty()), flush=True)

    return asyncio.run(serve(Roomful(settings), ready=ready))
