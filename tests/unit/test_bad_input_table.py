"""Every test that docs/reference/bad-input.md names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(?P<path>[\w/.\-]+\.(?:rs|py))?(?:::(?P<name>\w+))?`")


def test_the_tables_tests_exist() -> None:
    rows = [line for line in (ROOT / "docs/reference/bad-input.md").read_text().splitlines() if line.startswith("|")][
        2:
    ]
    for row in rows:
        named = list(NAMED.finditer(row.rsplit("|", 2)[1]))
        assert named, row
        path = ""
        for one in named:
            path = one["path"] or path
            text = (ROOT / path).read_text()
            assert one["name"] is None or re.search(rf"\b(?:fn|def) {one['name']}\b", text), (path, one["name"])
