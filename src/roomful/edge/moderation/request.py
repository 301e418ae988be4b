"""The body of `POST /api/room` as a command: parsed and bounded. Pure. Called by `endpoint`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

from roomful.core.commands import (
    Decide,
    EndForAll,
    Expel,
    LowerHand,
    Moderation,
    SetRole,
    SetRules,
    Silence,
)
from roomful.core.errors import Invalid
from roomful.core.policy import PRESETS, RoomRules
from roomful.core.role import role_of

MAX_BODY = 4_096
"""Bytes."""
SOURCES = ("microphone", "camera", "screen_share")
ACTS = ("mute", "remove", "role", "lower", "rules", "admit", "refuse", "end")
Find = Callable[[str], str]
"""Identity → participant. Raises NotFound."""


def parse(body: bytes) -> dict[str, object]:
    """Raises Invalid."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("the body must be a JSON object") from None
    if not isinstance(value, dict):
        raise Invalid("the body must be a JSON object")
    return cast("dict[str, object]", value)


def command_of(fields: Mapping[str, object], by: str | None, rules: RoomRules, find: Find) -> Moderation:
    """`by` is the participant that asks; `rules` are those of now. Raises Invalid, NotFound."""
    act = fields.get("act")
    identity = _text(fields, "identity")
    match act:
        case "mute":
            return Silence(by, find(identity) if identity else None, _sources(fields))
        case "lower":
            return LowerHand(by, find(identity) if identity else None)
        case "admit" | "refuse":
            return Decide(by, identity or None, admit=act == "admit")
        case "rules":
            return SetRules(by, rules_of(fields.get("rules"), rules))
        case "end":
            return EndForAll(by)
        case "remove":
            return Expel(by, find(_needed(identity)))
        case "role":
            role = role_of(_text(fields, "role"))
            if role is None:
                raise Invalid("`role` is listener, speaker, cohost or host")
            return SetRole(by, find(_needed(identity)), role)
        case _:
            raise Invalid(f"`act` is one of {', '.join(ACTS)}")


def rules_of(given: object, before: RoomRules) -> RoomRules:
    """A preset, if one is named, then single rules over it; a room that is locked stays so unless it is said. Raises Invalid."""
    if not isinstance(given, dict):
        raise Invalid("`rules` must be an object")
    fields = dict(cast("dict[str, object]", given))
    name = fields.pop("preset", None)
    if name is not None:
        preset = PRESETS.get(name) if isinstance(name, str) else None
        if preset is None:
            raise Invalid(f"`preset` is one of {', '.join(PRESETS)}")
        before = replace(preset, locked=before.locked)
    for key, value in fields.items():
        match key, value:
            case (("lobby" | "locked" | "quiet"), bool()):
                before = replace(before, **{key: value})
            case (("guest" | "speak" | "share" | "chat"), str()):
                role = role_of(value)
                if role is None or (key == "guest" and role.moderates):
                    raise Invalid(f"`{key}` cannot be {value[:32]!r}")
                before = replace(before, **{key: role})
            case _:
                raise Invalid(f"no such rule, or not such a value: {key[:32]!r}")
    return before


def shown(rules: RoomRules) -> dict[str, object]:
    """As JSON."""
    return {
        "preset": rules.preset,
        "guest": rules.guest,
        "speak": rules.speak,
        "share": rules.share,
        "chat": rules.chat,
        "lobby": rules.lobby,
        "locked": rules.locked,
        "quiet": rules.quiet,
    }


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > 256:
        raise Invalid(f"`{name}` must be a short text")
    return value


def _needed(identity: str) -> str:
    if not identity:
        raise Invalid("`identity` must say whom")
    return identity


def _sources(fields: Mapping[str, object]) -> tuple[str, ...]:
    source = _text(fields, "source") or "microphone"
    if source not in SOURCES:
        raise Invalid(f"`source` is one of {', '.join(SOURCES)}")
    return (source,)
