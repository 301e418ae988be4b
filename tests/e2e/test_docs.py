"""What README.md and docs/ show is run, or read by what will read it: a page cannot promise what does not work.

The word after a block's language says how. `python server`: a whole program that serves. `python asgi`: a module whose `app`
uvicorn serves. `python client`: a program that talks to a server in dev mode and ends. `python alone`: one that needs none. `python test`: a pytest file.
`python hooks`: goes on after `roomful = Roomful(dev=True)`. Lines of `sh` that begin with roomful or make are checked against the
commands and the Makefile. TOML and YAML are configuration. `html page` is what the server above it serves
to a browser (`test_games.py`). Blocks of other known languages are shown only.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Server
from programs import run, serving

from roomful import Roomful, RoomfulError
from roomful.cli.arguments import parser_of
from roomful.cli.main import COMMANDS
from roomful.config.livekit_yaml import read_livekit_yaml
from roomful.config.load import load

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN_ONLY = {"text", "json", "nginx", "caddyfile", "ini", ""}
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    place: str
    language: str
    text: str


def blocks() -> list[Block]:
    found: list[Block] = []
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(f"{page.relative_to(ROOT)}:{line}", match[1].strip(), match[2]))
    return found


def of(*languages: str) -> Any:
    chosen = [block for block in blocks() if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=[block.place for block in chosen])


def test_every_block_says_how_it_is_run() -> None:
    known = {
        "python server", "python asgi", "python client", "python whip", "python alone", "python test", "python hooks", "sh", "toml", "yaml",
        "html page",
    }  # fmt: skip
    assert [block.place for block in blocks() if block.language not in known | SHOWN_ONLY] == []


def test_the_readme_opens_with_ten_lines_that_serve() -> None:
    first = next(block for block in blocks() if block.place.startswith("README.md"))
    assert first.language == "python server"
    assert len([line for line in first.text.splitlines() if line.strip()]) <= 10


@of("python server")
def test_a_program_serves_the_page(block: Block, tmp_path: Path) -> None:
    with serving(block.text, tmp_path) as program:
        assert httpx.get(f"{program.http}/api/info").json()["server"] == "roomful"


@of("python asgi")
def test_a_mounted_server_serves_the_page(block: Block, tmp_path: Path) -> None:
    with serving(block.text, tmp_path, asgi="app") as program:
        assert httpx.get(f"{program.http}/api/info").json()["server"] == "roomful"


@of("python client")
def test_a_client_talks_to_a_server(block: Block, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "client.py"
    assert "ws://127.0.0.1:7880" in block.text
    file.write_text(block.text.replace("ws://127.0.0.1:7880", server.ws))
    run([sys.executable, str(file)], tmp_path)


@of("python alone")
def test_a_program_ends_well(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "alone.py"
    file.write_text(block.text)
    run([sys.executable, str(file)], tmp_path)


@of("python test")
def test_a_test_passes(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "test_shown.py"
    file.write_text(block.text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert " passed" in run([sys.executable, "-m", "pytest", "-q", str(file)], tmp_path, within_s=120)


class _Told(str):
    """What a hook is told: a name, or what it reads of a room, a participant and a message."""

    __slots__ = ()
    name, identity, topic, payload = "hall-1", "nobody", "breakout", b"red"


@of("python hooks")
def test_a_piece_of_a_program_holds(block: Block) -> None:
    names: dict[str, Any] = {"roomful": Roomful(dev=True)}
    exec(compile(block.text, block.place, "exec"), names)
    for value in list(names.values()):
        if asyncio.iscoroutinefunction(value):
            with suppress(RoomfulError):  # the server does not run: what it asks for is not there
                asyncio.run(value(*(_Told("nowhere") for _ in inspect.signature(value).parameters)))


@of("sh")
def test_commands_exist(block: Block) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words[:1] == ["make"]:
            for target in (word for word in words[1:] if "=" not in word):
                assert f"\n{target}:" in makefile, line
        elif words[:1] == ["roomful"]:
            chosen = parser_of(COMMANDS).parse_args(words[1:])
            assert hasattr(chosen, "run"), line


@of("toml")
def test_toml_is_configuration(block: Block, tmp_path: Path) -> None:
    (tmp_path / "roomful.toml").write_text(block.text)
    load({}, {}, folder=tmp_path)


@of("yaml")
def test_yaml_is_a_livekit_servers(block: Block, tmp_path: Path) -> None:
    found, ignored = read_livekit_yaml(tmp_path / "livekit.yaml", block.text)
    assert found and not ignored
