"""The command `roomful`: reads arguments, starts what they ask for, turns refusals into one line and an exit status.

Exit status: 0 done, 1 it went wrong, 2 it was asked wrongly (arguments, settings, a taken port, an unwritable directory).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from roomful.cli import doctor, rooms, serve, token
from roomful.cli.arguments import parser_of
from roomful.core.errors import ConfigError, RoomfulError

COMMANDS = (serve.add, token.add, rooms.add, doctor.add)
"""Each adds its parser and sets `run`: arguments → exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of(COMMANDS)
    chosen = parser.parse_args(arguments)
    if not hasattr(chosen, "run"):
        parser.print_help()
        return 2
    try:
        return int(chosen.run(chosen))
    except ConfigError as error:
        print(f"roomful: {error.message}", file=sys.stderr)
        return 2
    except RoomfulError as error:
        print(f"roomful: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `roomful rooms list | head`
        sys.stderr.close()
        return 0
