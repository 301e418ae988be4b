"""`python -m roomful` is the command `roomful`."""

from __future__ import annotations

from roomful.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
