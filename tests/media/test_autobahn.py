"""Autobahn's fuzzing client against the door, as it is installed: 247 cases, without compression (12, 13) and 16 MiB (9).

The suite is a program for Python 2.7. Where there is none, or what it needs cannot be installed, this says so and is skipped; the
cases that find faults elsewhere are in crates/roomful-door/src/websocket/autobahn.rs, and always run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from roomful._native import hub

WANTED = Path(__file__).parent / "autobahn" / "requirements.txt"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roomful"
CASES = 247
INSTALL_S, RUN_S = 600, 400
GOOD = {"OK", "INFORMATIONAL"}
# Its packages share a namespace, which only site's own way of adding a folder makes.
RUN = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"


def _find_python() -> str | None:
    """A Python 2.7 that runs and has pip; a shim that only pretends to exist does not count."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    kept = sorted(str(path) for path in pyenv.glob("versions/2.7*/bin/python2.7"))
    for one in (*kept, shutil.which("python2.7"), shutil.which("python2")):
        if one and subprocess.run([one, "-c", "import pip"], capture_output=True, check=False).returncode == 0:
            return one
    return None


@pytest.fixture(scope="module")
def suite() -> tuple[str, Path]:
    """The Python that runs it, and the folder it is installed in."""
    python = _find_python()
    if python is None:
        pytest.skip("Autobahn's suite was NOT run: it needs Python 2.7 with pip, and there is none here")
    folder = CACHE / f"autobahn-{hashlib.sha256(WANTED.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        fresh = folder.with_suffix(f".{os.getpid()}")
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", fresh, "-r", WANTED]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            pytest.skip(f"Autobahn's suite was NOT run: it could not be installed: {done.stderr[-300:]}")
        fresh.rename(folder)
    return python, folder


@pytest.fixture
def echo() -> Iterator[int]:
    """A port where every message comes back."""
    native = hub.Hub(addresses=["127.0.0.1"], port=0, paths=["/"], max_message=1 << 20)
    native.send("accept_rule", {"path": "/", "speech": "echo"})
    yield native.ports()[0][2]
    native.close()


def test_every_case_is_passed(suite: tuple[str, Path], echo: int, tmp_path: Path) -> None:
    python, folder = suite
    spec = {
        "outdir": str(tmp_path / "reports"),
        "servers": [{"agent": "roomful", "url": f"ws://127.0.0.1:{echo}/"}],
        "cases": ["*"],
        "exclude-cases": ["9.*", "12.*", "13.*"],
        "exclude-agent-cases": {},
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    command = [python, "-c", RUN, str(folder), "-m", "fuzzingclient", "-s", "spec.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=RUN_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "reports" / "index.json").read_text())["roomful"]
    failed = {
        case: (result["behavior"], result["behaviorClose"])
        for case, result in found.items()
        if result["behavior"] not in GOOD or result["behaviorClose"] not in GOOD
    }
    assert failed == {}
    assert len(found) == CASES
