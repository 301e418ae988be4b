"""Writes the reference pages that the code knows best: `python tools/reference.py [--check]`.

docs/reference/configuration.md comes from `config/options.py`, docs/reference/cli.md from the commands' own help. Run by hand
after a change; tests/unit/test_reference.py fails while a page is older than its source.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import cast

from roomful.cli.arguments import parser_of
from roomful.cli.main import COMMANDS
from roomful.config.livekit_yaml import AGREES, KNOWN
from roomful.config.options import BY_FIELD, OPTIONS, Option
from roomful.config.settings import Settings
from roomful.config.shown import NONE, shown

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "<!-- Written by tools/reference.py: change the source, then run it. -->\n"

INTRODUCTION = """\
# Configuration

Every option has one name in three places. Flags win over the environment, the environment over the file.

| where | how | example |
| --- | --- | --- |
| command line | `--rtc-udp-port` | `roomful serve --rtc-udp-port 50000` |
| environment | `ROOMFUL_RTC_UDP_PORT` | `ROOMFUL_RTC_UDP_PORT=50000 roomful serve` |
| `roomful.toml` in the working directory, or `--config FILE` | `rtc_udp_port` | `rtc_udp_port = 50000` |
| Python | a field of `Settings` | `Roomful(rtc_udp_port=50000)` |

```toml
port = 8000
node_ip = ["203.0.113.7", "192.168.1.5"]
max_participants = 50
webhook_url = ["https://app.example.org/rooms"]

[keys]
my-key = "a-secret-of-at-least-32-characters"
```

A list is text with commas between on the command line and in the environment, and a list in the file. A switch (no value below) is
`true` or `false` in the file and the environment. `roomful doctor` prints what is set and by whom.

A wrong value stops the start with its place and what was expected:
`roomful.toml:3: \\`port\\` expected a port (0 takes any free one): a whole number from 0 to 65535`. An unknown option in the file is an
error, an unknown `ROOMFUL_…` variable a warning.
"""
YAML = """
## A LiveKit server's YAML

`--config livekit.yaml` reads the file you have. These keys mean something here; all others are named in one warning at the start.

| key | option |
| --- | --- |
"""


def configuration() -> str:
    return MADE + INTRODUCTION + "".join(_groups()) + YAML + "".join(_yaml())


def _groups() -> Iterator[str]:
    defaults = Settings()
    for group, options in groupby(OPTIONS, key=lambda option: option.group):
        yield f"\n## {group.capitalize()}\n\n| option | value | default | Python | meaning |\n| --- | --- | --- | --- | --- |\n"
        for option in options:
            default = "" if option.secret or (text := shown(defaults, option)) == NONE else f"`{text}`"
            value = f"`{option.shown}`" if option.shown else ""
            yield f"| `{option.name}` | {value} | {default} | `{_field(option)}` | {option.help} |\n"


def _field(option: Option) -> str:
    outer, _, inner = option.field.partition(".")
    names = {"policy": "Policy", "webhook": "Webhook", "turn": "Turn"}
    return f"{outer}={names[outer]}({inner}=…)" if inner else outer


def _yaml() -> Iterator[str]:
    yield "| `key_file` | `keys` |\n"
    for key, (field, _) in KNOWN.items():
        yield f"| `{key}` | `{BY_FIELD[field].name}` |\n"
    for key, value in AGREES.items():
        yield f"| `{key}: {str(value).lower()}` | how it is here anyway |\n"


def cli() -> str:
    os.environ["COLUMNS"] = "100"
    parser = parser_of(COMMANDS)
    texts = [("roomful", parser.format_help())]
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        choices: object = action.choices
        if isinstance(choices, dict):
            commands = cast("dict[str, argparse.ArgumentParser]", choices)
            texts += [(f"roomful {name}", one.format_help()) for name, one in commands.items()]
    status = (
        "Exit status: 0 done, 1 it went wrong, 2 it was asked wrongly (arguments, settings, a taken port, an unwritable "
        "directory).\n"
    )
    return (
        MADE
        + f"# The command `roomful`\n\n{status}"
        + "".join(f"\n## {name}\n\n```text\n{text}```\n" for name, text in texts)
    )


PAGES = {"configuration.md": configuration, "cli.md": cli}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing; status 1 when a page is stale")
    check = arguments.parse_args().check
    if os.environ.pop("XDG_DATA_HOME", None):  # the default data directory, as most people have it
        os.execv(sys.executable, [sys.executable, *sys.argv])
    # Newer ones lay help out in another way.
    names = [name for name in PAGES if name != "cli.md" or sys.version_info < (3, 13)]
    stale = [name for name in names if not _current(FOLDER / name, PAGES[name]())]
    if not check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (FOLDER / name).write_text(PAGES[name]())
    for name in stale:
        print(f"docs/reference/{name} {'is stale: run tools/reference.py' if check else 'written'}", file=sys.stderr)
    return 1 if check and stale else 0


def _current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    raise SystemExit(main())
