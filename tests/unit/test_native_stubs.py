"""The stubs of the compiled modules say what the modules have: names, signatures, commands and events."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import roomful
from roomful._native import hub, media, rtc

BOTH = pytest.mark.parametrize(
    ("module", "main"), [(media, media.Engine), (hub, hub.Hub), (rtc, rtc.Peers)], ids=["media", "hub", "rtc"]
)


def tree_of(module: ModuleType) -> ast.Module:
    name = module.__name__.rsplit(".", 1)[-1]
    return ast.parse((Path(roomful.__file__).parent / "_native" / f"{name}.pyi").read_text())


def described(module: ModuleType, heading: str) -> list[str]:
    """Names in the table of the stub's docstring under `heading`."""
    text = (ast.get_docstring(tree_of(module)) or "").split(heading, 1)[1]
    table = text.split("\n\n", 2)[1]
    return re.findall(r"^    (\w+)", table, re.MULTILINE)


def methods_of(module: ModuleType, main: type) -> dict[str, ast.FunctionDef]:
    body = next(
        node.body for node in tree_of(module).body if isinstance(node, ast.ClassDef) and node.name == main.__name__
    )
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


@BOTH
def test_top_level_names(module: ModuleType, main: type) -> None:
    body = tree_of(module).body
    names = {node.name for node in body if isinstance(node, ast.ClassDef)}
    names |= {node.target.id for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    assert names == {name for name in dir(module) if not name.startswith("_")}


@BOTH
def test_commands_and_events(module: ModuleType, main: type) -> None:
    assert tuple(described(module, "Commands,")) == module.COMMANDS
    assert tuple(described(module, "Events,")) == module.EVENTS


@BOTH
def test_methods_and_parameters(module: ModuleType, main: type) -> None:
    methods = methods_of(module, main)
    assert set(methods) - {"__new__"} == {name for name in dir(main) if not name.startswith("_")}
    for name, node in methods.items():
        arguments = [one.arg for one in (*node.args.args, *node.args.kwonlyargs)][1:]
        real = inspect.signature(main if name == "__new__" else getattr(main, name))
        assert arguments == [one for one in real.parameters if one != "self"], name


@BOTH
def test_defaults_of_the_constructor(module: ModuleType, main: type) -> None:
    arguments = methods_of(module, main)["__new__"].args
    written = {
        argument.arg: ast.literal_eval(value)
        for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if value is not None
    }
    real = {name: one.default for name, one in inspect.signature(main).parameters.items()}
    # PyO3 shows a list as an Ellipsis.
    plain = {name: value for name, value in written.items() if real[name] is not ...}
    assert plain == {name: real[name] for name in plain}
