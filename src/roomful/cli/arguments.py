"""Parsers and help: options of `config.options` become flags, each command brings examples. Used by the commands."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from roomful import __version__
from roomful.config.load import Loaded, load
from roomful.config.options import OPTIONS, Option
from roomful.config.settings import Settings
from roomful.config.shown import NONE, shown

_ABOUT = """\
A real-time server in one process: calls, broadcast and data for every LiveKit SDK.

Start here:
  roomful serve --dev          try it: open the printed address in two browsers
  roomful serve                for your network: https, a key of its own, and a link that opens rooms
  roomful token --dev --room tea --identity ada --join
                               a token for a LiveKit client of your own
  roomful rooms list --dev     the rooms of a running server, and how many people are in them
  roomful doctor               why it would not start, or who could not reach it

Each command has examples: roomful COMMAND --help
"""
_SETTINGS = """\
Every option has one name: --rtc-udp-port is ROOMFUL_RTC_UDP_PORT in the environment
and rtc_udp_port = 7882 in roomful.toml. Flags win over the environment, the environment
over the file. --config also takes the YAML of a LiveKit server as it is.
"""
_DEFAULTS = Settings()

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]
"""What commands add their parsers to."""


class _Wide(argparse.RawDescriptionHelpFormatter):
    """Names and what they mean side by side, also where names are long."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=min(100, shutil.get_terminal_size((100, 24)).columns))


def parser_of(commands: Iterable[Callable[[Commands], None]]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="roomful", description=_ABOUT, formatter_class=_Wide)
    parser.add_argument("--version", action="version", version=f"roomful {__version__}")
    group = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in commands:
        add(group)
    return parser


def command(
    commands: Commands,
    name: str,
    about: str,
    examples: str,
) -> argparse.ArgumentParser:
    """A command's parser: its help begins with what it is for and ends with examples."""
    return commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog="examples:\n" + examples,
        formatter_class=_Wide,
    )


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str] = ()) -> None:
    """Flags for all options, or for those named, and `--config`."""
    wanted = set(names)
    parser.add_argument("--config", metavar="FILE", type=Path, help="roomful.toml, or a LiveKit server's YAML")
    groups: dict[str, argparse._ArgumentGroup] = {}  # pyright: ignore[reportPrivateUsage]
    for option in OPTIONS:
        if wanted and option.name not in wanted:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        _add(groups[option.group], option)
    if not wanted:
        parser.usage = f"{parser.prog} [OPTION …]"
        parser.epilog = f"{parser.epilog}\n{_SETTINGS}"


def _add(group: argparse._ArgumentGroup, option: Option) -> None:  # pyright: ignore[reportPrivateUsage]
    default = shown(_DEFAULTS, option)
    text = option.help if not option.shown or default == NONE else f"{option.help} ({default})"
    # argparse takes % for a format.
    text = text.replace("%", "%%")
    if option.shown:
        group.add_argument(f"--{option.name}", dest=option.key, metavar=option.shown, help=text)
    else:
        group.add_argument(f"--{option.name}", dest=option.key, action="store_const", const=True, help=text)


def settings_of(chosen: argparse.Namespace, environment: Mapping[str, str] | None = None) -> Loaded:
    """What flags, environment and file say together. Raises ConfigError."""
    return load(
        {option.key: getattr(chosen, option.key, None) for option in OPTIONS},
        os.environ if environment is None else environment,
        config=chosen.config,
        folder=Path.cwd(),
    )
