"""Builds the web app when it is missing or older than its sources, and puts it where the package looks for it.

Called by the build backend and by `tools/prepare.py`. Standard library only; never touches Python packages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

STAMP = ".sources"
"""File in the built app that holds the hash of what it was built from."""
_NOT_SOURCES = {"node_modules", "dist", "coverage", "test-results", "playwright-report", ".vite"}

Say = Callable[[str], None]


class WebBuildError(Exception):
    """The web app cannot be built here; the message says why and what to do."""


def sources_hash(files: Iterable[Path], base: Path) -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.relative_to(base).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def web_sources(web: Path) -> list[Path]:
    """Every file the app is built from."""
    found: list[Path] = []
    for folder, folders, names in os.walk(web):
        folders[:] = [name for name in folders if name not in _NOT_SOURCES]
        found += [Path(folder, name) for name in names if not name.endswith((".tsbuildinfo", ".log"))]
    return found


def ensure_modules(root: Path, say: Say) -> None:
    """`npm ci`, unless the installed modules are those of the lock file."""
    web = root / "web"
    lock = web / "package-lock.json"
    wanted = sources_hash([lock], web)
    stamp = web / "node_modules" / ".roomful-lock"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say("installing the web app's modules (npm ci)")
    _npm(web, "ci", "--no-audit", "--no-fund")
    stamp.write_text(wanted)


def ensure_web(root: Path, say: Say) -> bool:
    """Makes `src/roomful/web` current; True when something had to be built. Raises WebBuildError."""
    web, target = root / "web", root / "src" / "roomful" / "web"
    if not (web / "package.json").is_file():
        if (target / "index.html").is_file():
            return False  # a source distribution carries the app built
        raise WebBuildError("there is neither web/ (the app's sources) nor src/roomful/web (the app built)")
    wanted = sources_hash(web_sources(web), web)
    if _stamp(target) == wanted:
        return False
    dist = web / "dist"
    if _stamp(dist) != wanted:
        ensure_modules(root, say)
        say("building the web app (npm run build)")
        _npm(web, "run", "build")
        (dist / STAMP).write_text(wanted)
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(dist, target)
    return True


def _stamp(folder: Path) -> str:
    file = folder / STAMP
    return file.read_text() if file.is_file() and (folder / "index.html").is_file() else ""


def _npm(web: Path, *args: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise WebBuildError("the web app is built with Node.js 20 or newer, and no npm is in PATH")
    done = subprocess.run([npm, *args], cwd=web, check=False)
    if done.returncode:
        raise WebBuildError(f"npm {' '.join(args)} failed in {web} (exit code {done.returncode})")
