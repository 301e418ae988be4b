"""Makes what is missing or stale in a checkout: `.venv`, the engine, the web app, the browsers that tests drive.

Called by the Makefile: `python3 tools/prepare.py [--profile P | --any-profile] STAGE…` with the stages env, native,
web, modules and browsers. Runs on the bare system Python (3.9 or newer, standard library only). Each stage keeps a
hash of what it was made from, so that nothing is made twice.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "build_backend"))

from web_assets import WebBuildError, ensure_modules, ensure_web, sources_hash  # noqa: E402

VENV = ROOT / ".venv"
STAMPS = VENV / ".roomful"
LOCK = ROOT / "requirements" / "dev.lock"
OLDEST = (3, 11)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3")
BROWSERS = {"chromium": "chromium", "firefox-esr": "firefox-esr"}
"""Command → Debian package."""


class Trouble(Exception):
    """Something a person must do first."""


def say(text: str) -> None:
    print(f"\033[1m==> {text}\033[0m" if sys.stdout.isatty() else f"==> {text}", flush=True)


def run(*command: str | Path, **env: str) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env={**os.environ, **env}, check=False)
    if done.returncode:
        raise Trouble(f"failed (exit code {done.returncode}): {' '.join(str(part) for part in command)}")


def find_python() -> str:
    """The newest Python that fits; a shim that only pretends to exist does not count."""
    seen: list[str] = []
    for name in CANDIDATES:
        path = shutil.which(name)
        if path is None:
            continue
        probe = subprocess.run(
            [path, "-c", "import sys, ensurepip, venv; print(*sys.version_info[:2])"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if probe.returncode:
            seen.append(f"{name} (does not run, or has no venv: on Debian, apt install {name}-venv)")
            continue
        version = tuple(int(part) for part in probe.stdout.split())
        if version >= OLDEST:
            return path
        seen.append(f"{name} is {version[0]}.{version[1]}")
    found = "; ".join(seen) or "none in PATH"
    raise Trouble(f"Roomful needs Python {OLDEST[0]}.{OLDEST[1]} or newer. Found: {found}.")


def fresh(stage: str, wanted: str) -> bool:
    stamp = STAMPS / stage
    return stamp.is_file() and stamp.read_text() == wanted


def done(stage: str, value: str) -> None:
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / stage).write_text(value)


def env() -> None:
    """`.venv` with what the lock file names."""
    wanted = sources_hash([LOCK], ROOT)
    python = VENV / "bin" / "python"
    if not python.exists():  # also when the Python it was made from is gone
        base = find_python()
        say(f"making .venv with {base}")
        run(base, "-m", "venv", "--clear", VENV)
    if not fresh("env", wanted):
        say("installing Python packages")
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", LOCK)
        done("env", wanted)


def native(profile: str, *, any_profile: bool) -> None:
    """The engine as `roomful._native` inside the source tree, and the command `roomful`."""
    need("cargo", "the media engine is written in Rust: install it from https://rustup.rs")
    need("cc", "the media engine's cryptography needs a C compiler (on Debian: apt install build-essential)")
    files = [ROOT / "Cargo.toml", ROOT / "Cargo.lock", ROOT / "pyproject.toml"]
    for folder in sorted((ROOT / "crates").iterdir()):
        files += [path for path in (folder / "src").rglob("*") if path.is_file()]
        files += [path for path in (folder / "Cargo.toml", folder / "build.rs") if path.is_file()]
    sources = sources_hash(files, ROOT)
    built = any((ROOT / "src" / "roomful").glob("_native*.so"))
    profiles = ("release", "quick") if any_profile else (profile,)
    if built and any(fresh("native", f"{one} {sources}") for one in profiles):
        return
    say(f"building the engine (cargo, profile {profile}; the first time this takes minutes)")
    began = time.monotonic()
    run(
        VENV / "bin" / "maturin", "develop", "--locked", "--profile", profile,
        VIRTUAL_ENV=str(VENV),
    )  # fmt: skip
    say(f"engine built in {time.monotonic() - began:.0f} s")
    done("native", f"{profile} {sources}")


def browsers() -> None:
    """Debian's own browsers, for the tests."""
    missing = [package for command, package in BROWSERS.items() if shutil.which(command) is None]
    if not missing:
        return
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {' and '.join(missing)}")
        run("apt-get", "update", "-qq", DEBIAN_FRONTEND="noninteractive")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, DEBIAN_FRONTEND="noninteractive")
        return
    raise Trouble(
        f"the tests drive real browsers: install {' and '.join(missing)} (on Debian: apt install …), then try again"
    )


def need(command: str, why: str) -> None:
    if shutil.which(command) is None:
        raise Trouble(f"{command} is not in PATH: {why}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="release", choices=("release", "quick"))
    parser.add_argument("--any-profile", action="store_true", help="an engine of either profile will do")
    parser.add_argument("stages", nargs="+", choices=("env", "native", "web", "modules", "browsers"))
    chosen = parser.parse_args()
    try:
        for stage in chosen.stages:
            if stage == "env":
                env()
            elif stage == "native":
                native(chosen.profile, any_profile=chosen.any_profile)
            elif stage == "web":
                ensure_web(ROOT, say)
            elif stage == "modules":
                ensure_modules(ROOT, say)
            else:
                browsers()
    except (Trouble, WebBuildError) as trouble:
        print(f"roomful: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
