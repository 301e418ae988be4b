"""Rules of the source that no linter knows. Called by `make check`; prints each breach as `file:line: what`.

No hand-written file has more than 800 lines (tests, generated files and lock files aside), and only `engine`, `hub`,
`rtc` and the composition root import the native module. Test files have names of their own, or pytest takes one for the other.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 800
MAY_IMPORT_NATIVE = (
    "src/roomful/engine/",
    "src/roomful/hub/",
    "src/roomful/rtc/",
    "src/roomful/app/parts.py",
    "src/roomful/app/door.py",
    "src/roomful/app/turn.py",
)
SOURCES = {".py", ".rs", ".ts", ".tsx", ".css", ".sh"}


def sources() -> list[str]:
    """Files git knows, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [
        name for name in sorted(set(listed.splitlines())) if Path(name).suffix in SOURCES and (ROOT / name).is_file()
    ]


def is_test(name: str) -> bool:
    parts = Path(name).parts
    return "tests" in parts or "generated" in parts or Path(name).stem.endswith((".test", "_test", "tests"))


def too_long(name: str, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines > MOST_LINES and not is_test(name):
        yield f"{name}:{lines}: more than {MOST_LINES} lines"


def native_imports(name: str, text: str) -> Iterator[str]:
    if not name.startswith("src/roomful/") or not name.endswith(".py") or name.startswith(MAY_IMPORT_NATIVE):
        return
    for node in ast.walk(ast.parse(text, name)):
        match node:
            case ast.ImportFrom(module=module, names=names):
                imported = [module or "", *(f"{module}.{one.name}" for one in names)]
            case ast.Import(names=names):
                imported = [one.name for one in names]
            case _:
                continue
        if any(one == "roomful._native" or one.startswith("roomful._native.") for one in imported):
            yield f"{name}:{node.lineno}: only engine, hub and rtc import roomful._native"


def same_names(names: list[str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name in names:
        path = Path(name)
        if path.parts[0] == "tests" and path.match("test_*.py") and (other := seen.setdefault(path.name, name)) != name:
            yield f"{name}:1: {other} has this name, too"


def main() -> int:
    names = sources()
    breaches = [*same_names(names)]
    for name in names:
        text = (ROOT / name).read_text()
        breaches += [*too_long(name, text), *native_imports(name, text)]
    print("\n".join(breaches) if breaches else f"check_source: {len(names)} files hold to the rules")
    return 1 if breaches else 0


if __name__ == "__main__":
    raise SystemExit(main())
