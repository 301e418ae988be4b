"""The stub of the compiled module says what the module has: names, signatures, commands and events."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import roomful
from roomful._native import media

STUB = Path(roomful.__file__).parent / "_native" / "media.pyi"
TREE = ast.parse(STUB.read_text())


def described(heading: str) -> list[str]:
    """Names in the table of the stub's docstring under `heading`."""
    text = (ast.get_docstring(TREE) or "").split(heading, 1)[1]
    table = text.split("\n\n", 2)[1]
    return re.findall(r"^    (\w+)", table, re.MULTILINE)


def class_of(name: str) -> ast.ClassDef:
    return next(node for node in TREE.body if isinstance(node, ast.ClassDef) and node.name == name)


def test_top_level_names() -> None:
    names = {node.name for node in TREE.body if isinstance(node, ast.ClassDef)}
    names |= {
        node.target.id for node in TREE.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert names == {name for name in dir(media) if not name.startswith("_")}


def test_commands_and_events() -> None:
    assert tuple(described("Commands,")) == media.COMMANDS
    assert tuple(described("Events,")) == media.EVENTS


def test_methods_and_parameters() -> None:
    methods = {node.name: node for node in class_of("Engine").body if isinstance(node, ast.FunctionDef)}
    assert set(methods) - {"__new__"} == {name for name in dir(media.Engine) if not name.startswith("_")}
    for name, node in methods.items():
        arguments = [one.arg for one in (*node.args.args, *node.args.kwonlyargs)][1:]
        real = inspect.signature(media.Engine if name == "__new__" else getattr(media.Engine, name))
        assert arguments == [one for one in real.parameters if one != "self"], name


def test_defaults_of_the_constructor() -> None:
    node = next(one for one in class_of("Engine").body if isinstance(one, ast.FunctionDef) and one.name == "__new__")
    written = {
        argument.arg: ast.literal_eval(value)
        for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if value is not None
    }
    real = {name: one.default for name, one in inspect.signature(media.Engine).parameters.items()}
    plain = {name: value for name, value in written.items() if not isinstance(value, tuple)}
    assert plain == {name: real[name] for name in plain}


@pytest.fixture
def engine():
    engine = media.Engine(addresses=["127.0.0.1"])
    yield engine
    engine.close()


def test_every_command_is_known_and_wants_fields(engine: media.Engine) -> None:
    for name in media.COMMANDS:
        with pytest.raises(ValueError, match=f"^{name}: the field \\w+ is missing"):
            engine.send(name, {})
    with pytest.raises(ValueError, match="no command"):
        engine.send("open_sesame", {})


def test_wrong_values_are_told_by_field(engine: media.Engine) -> None:
    with pytest.raises(TypeError, match="mute: muted"):
        engine.send("mute", {"track": "TR_1", "muted": "yes"})
    with pytest.raises(ValueError, match="one of reliable, lossy, track"):
        engine.send("send_data", {"room": "RM_1", "kind": "loud", "packet": b"", "to": []})
    with pytest.raises(ValueError, match="too short"):
        engine.send(
            "open_transport",
            {
                "participant": "PA_1",
                "transport": "TP_1",
                "role": "single",
                "tcp_only": False,
                "credentials": ("a", "b"),
            },
        )
    with pytest.raises(ValueError, match="hold"):
        engine.send("decide", {"room": "RM_1", "hold": -1, "verdict": True})


def test_a_closed_engine_is_dead() -> None:
    engine = media.Engine(addresses=["127.0.0.1"])
    engine.close()
    engine.close()
    for call in (engine.drain, engine.ports, lambda: engine.send("open_room", {"room": "RM_1"})):
        with pytest.raises(media.EngineError) as caught:
            call()
        assert caught.value.code == "engine_dead"


def test_what_cannot_start_says_why() -> None:
    with pytest.raises(media.EngineError) as caught:
        media.Engine(addresses=["localhost"])
    assert caught.value.code == "config"
    first = media.Engine(addresses=["127.0.0.1"])
    try:
        taken = next(port for protocol, _, port in first.ports() if protocol == "udp")
        with pytest.raises(media.EngineError) as caught:
            media.Engine(addresses=["127.0.0.1"], udp_port=taken)
        assert caught.value.code == "port_taken"
    finally:
        first.close()
