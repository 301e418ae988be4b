"""Hosts and co-hosts: who comes in, who may do what, and what they do about it. Called by `core.room` only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from roomful.core.commands import Decide, Join, Knock, LowerHand, Moderation, Mute, SetRole, SetRules, Silence
from roomful.core.occupant import Occupant
from roomful.core.permission import Permission
from roomful.core.policy import RoomRules
from roomful.core.publishing import end, mute
from roomful.core.role import HAND, OWN, ROLE, Role
from roomful.core.state import RoomState, Waiting

WAITS_MS = 15_000
"""Who has not asked again for so long is no longer in the lobby; pages ask every few seconds."""
MOST_KNOWN = 10_000
"""Identities kept for each purpose; the oldest are forgotten."""
SOURCES = frozenset({"microphone", "camera", "screen_share", "screen_share_audio"})
_SCREEN = frozenset({"screen_share", "screen_share_audio"})

V = TypeVar("V")
Problem = tuple[str, str]
Apply = Callable[[Occupant, Permission], None]
"""(occupant, its rights before): makes a change of rights felt."""


# Who comes in


def entry_problem(state: RoomState, identity: str, role: Role, *, guest: bool) -> Problem | None:
    """Why somebody may not come in now; `guest` is of the page's door, which has the lobby."""
    if identity in state.removed:
        return "removed", "you were removed from this room"
    if role.moderates or identity in state.identities or identity in state.admitted:
        return None
    if state.rules.locked:
        return "room_locked", "the room is locked"
    if guest and state.rules.lobby:
        return "lobby_waiting", "somebody in the room must let you in"
    return None


def knock(state: RoomState, command: Knock, now_ms: int) -> None:
    """Nothing happens when the way is free; otherwise a refusal tells why, and that somebody waits."""
    identity = command.identity
    role = role_at_door(state, identity, command.role)
    problem = entry_problem(state, identity, role, guest=True)
    if problem and problem[0] == "lobby_waiting":
        if identity in state.refused:
            problem = "lobby_refused", "you were not let in"
        elif identity not in state.waiting and len(state.waiting) >= state.policy.max_waiting:
            problem = "lobby_full", "too many people wait already"
        else:
            before = state.waiting.get(identity)
            state.waiting[identity] = Waiting(identity, command.name, before.since_ms if before else now_ms, now_ms)
            if before is None or before.name != command.name:
                state.governed()
    elif state.waiting.pop(identity, None):
        state.governed()
    if problem:
        state.refuse(None, command, *problem)


def forget_waiting(state: RoomState, now_ms: int) -> None:
    """Whoever gave up waiting."""
    gone = [one.identity for one in state.waiting.values() if now_ms - one.seen_ms >= WAITS_MS]
    for identity in gone:
        del state.waiting[identity]
    if gone:
        state.governed()


def role_at_door(state: RoomState, identity: str, by_token: Role | None) -> Role:
    """A host's token holds; else what a host made of this identity here; else its token, or what guests are."""
    if by_token is Role.HOST:
        return Role.HOST
    return state.roles.get(identity) or by_token or state.rules.guest


def settle(state: RoomState, occupant: Occupant, join: Join) -> None:
    """Somebody enters: role and rights. Its snapshot tells of a role that is not every speaker's."""
    identity = join.identity
    occupant.role = role_at_door(state, identity, join.role)
    if join.guest and join.role is not None:
        # Also for the page of a host that comes back: where anybody makes rooms, only the first one's token says so.
        _keep(state.roles, identity, occupant.role)
    _keep(state.admitted, identity, None)
    state.waiting.pop(identity, None)
    attributes = {key: value for key, value in occupant.snapshot.attributes.items() if not key.startswith(OWN)}
    if (hand := occupant.snapshot.attributes.get(HAND, "")) and join.guest and hand.isdigit():
        attributes[HAND] = hand
    shown = join.guest or identity in state.roles or occupant.role is Role.LISTENER
    if shown and occupant.role is not Role.SPEAKER:
        attributes[ROLE] = occupant.role
    granted = occupant.snapshot.permission
    narrow = narrowed(granted, state.rules, occupant)
    occupant.snapshot = replace(
        occupant.snapshot, attributes=attributes, permission=narrow, granted=None if narrow == granted else granted
    )


def narrowed(granted: Permission, rules: RoomRules, occupant: Occupant) -> Permission:
    """What is left of a token's rights under the room's rules. Agents and recorders are no guests."""
    if occupant.dependent or occupant.role.moderates:
        return granted
    taken: set[str] = set()
    if not occupant.role.reaches(rules.speak):
        taken |= {"microphone", "camera"}
    if not occupant.role.reaches(rules.share):
        taken |= _SCREEN
    sources = granted.can_publish_sources
    left = (sources or SOURCES) - taken if taken else sources
    return replace(
        granted,
        can_publish=granted.can_publish and (bool(left) or not taken),
        can_publish_sources=frozenset(left),
        can_publish_data=granted.can_publish_data and occupant.role.reaches(rules.chat),
    )


# What moderators do


def moderate(state: RoomState, command: Moderation, apply: Apply) -> bool:
    """Whether the asker may; what belongs to `core.room` (leaving, closing) it does itself then."""
    if problem := _may_not(state, command):
        state.refuse(command.by, command, *problem)
        return False
    match command:
        case Silence():
            _silence(state, command)
        case SetRole():
            _set_role(state, state.occupants[command.participant], command.role, apply)
        case LowerHand():
            for one in _meant(state, command.participant):
                if HAND in one.snapshot.attributes:
                    one.change(attributes={key: text for key, text in one.snapshot.attributes.items() if key != HAND})
                    state.tell_changed(one)
        case SetRules():
            _set_rules(state, command.rules, apply)
        case Decide():
            _decide(state, command)
        case _:  # Expel and EndForAll
            pass
    return True


def _may_not(state: RoomState, command: Moderation) -> Problem | None:
    participant: str | None = getattr(command, "participant", None)
    if participant is not None and participant not in state.occupants:
        return "participant_not_found", "no such participant"
    if command.by is None:
        return None
    asker = state.occupants.get(command.by)
    if asker is None or not asker.role.moderates:
        return "not_allowed", "only hosts and co-hosts may do this"
    if asker.role is Role.HOST:
        return None
    kind = type(command).__name__
    other = state.occupants[participant] if participant is not None else None
    if kind == "EndForAll" or (isinstance(command, SetRole) and command.role.moderates):
        return "not_allowed", "only hosts may do this"
    if other is not None and other is not asker and other.role.moderates and not isinstance(command, LowerHand):
        return "not_allowed", "co-hosts do not moderate hosts and co-hosts"
    return None


def _meant(state: RoomState, participant: str | None) -> Iterable[Occupant]:
    return list(state.occupants.values()) if participant is None else [state.occupants[participant]]


def _silence(state: RoomState, command: Silence) -> None:
    sources = set(command.sources)
    if "screen_share" in sources:
        sources |= _SCREEN
    for one in _meant(state, command.participant):
        if command.participant is None and (one.role.moderates or one.dependent):
            continue
        for publication in list(one.publications.values()):
            if publication.track.source not in sources:
                continue
            if publication.track.source in _SCREEN:
                end(state, publication, tell_publisher=True)
            elif not publication.track.muted:
                mute(state, Mute(publication.track.sid, muted=True))


def _set_role(state: RoomState, occupant: Occupant, role: Role, apply: Apply) -> None:
    if occupant.role is Role.HOST and role is not Role.HOST and _hosts(state) == 1:
        return  # somebody must be host
    _keep(state.roles, occupant.snapshot.identity, role)
    occupant.role = role
    attributes = {key: text for key, text in occupant.snapshot.attributes.items() if key != ROLE}
    if role is not Role.SPEAKER:
        attributes[ROLE] = role
    granted = occupant.granted
    if role.reaches(Role.SPEAKER):
        # Who is asked to speak may, whatever its token said of a listener.
        granted = replace(granted, can_publish=True, can_publish_data=True, can_publish_sources=frozenset())
        attributes.pop(HAND, None)
    if attributes != occupant.snapshot.attributes:
        occupant.change(attributes=attributes)
    _narrow(state, occupant, granted, apply)
    state.tell_changed(occupant)
    state.governed()


def _hosts(state: RoomState) -> int:
    return sum(one.role is Role.HOST for one in state.occupants.values())


def _narrow(state: RoomState, occupant: Occupant, granted: Permission, apply: Apply) -> bool:
    before, after = occupant.snapshot.permission, narrowed(granted, state.rules, occupant)
    occupant.change(permission=after, granted=None if after == granted else granted)
    if after != before:
        apply(occupant, before)
    return after != before


def _set_rules(state: RoomState, rules: RoomRules, apply: Apply) -> None:
    before, state.rules = state.rules, rules
    if rules == before:
        return
    if not rules.lobby or rules.locked:
        state.waiting.clear()
    for one in list(state.occupants.values()):
        identity = one.snapshot.identity
        if one.role is before.guest and identity not in state.roles and before.guest is not rules.guest:
            _demote(state, one, rules.guest, apply)
        elif _narrow(state, one, one.granted, apply):
            state.tell_changed(one)
    state.governed()


def _demote(state: RoomState, occupant: Occupant, role: Role, apply: Apply) -> None:
    """Guests that nobody made anything are what the new rules make of guests."""
    occupant.role = role
    attributes = {key: text for key, text in occupant.snapshot.attributes.items() if key != ROLE}
    if role is not Role.SPEAKER:
        attributes[ROLE] = role
    occupant.change(attributes=attributes)
    _narrow(state, occupant, occupant.granted, apply)
    state.tell_changed(occupant)


def _decide(state: RoomState, command: Decide) -> None:
    chosen = list(state.waiting) if command.identity is None else [command.identity]
    if command.identity is not None and command.identity not in state.waiting:
        state.refuse(command.by, command, "participant_not_found", "nobody of this identity waits")
        return
    for identity in chosen:
        del state.waiting[identity]
        _keep(state.admitted if command.admit else state.refused, identity, None)
    if chosen:
        state.governed()


def expelled(state: RoomState, identity: str) -> None:
    """It does not come back."""
    _keep(state.removed, identity, None)
    state.admitted.pop(identity, None)
    state.roles.pop(identity, None)


def own_attributes(
    old: Mapping[str, str], changes: Mapping[str, str], now_ms: int, *, server: bool
) -> tuple[dict[str, str], Problem | None]:
    """Of what somebody wants to change about itself: a hand gets the server's time, the room's other attributes are not its own."""
    allowed: dict[str, str] = {}
    for key, value in changes.items():
        if not key.startswith(OWN) or server:
            allowed[key] = value
        elif key == HAND:
            allowed[key] = (old.get(HAND) or str(now_ms)) if value else ""
        elif value != old.get(key, ""):
            return {}, ("not_allowed", f"attributes that begin with {OWN} are the room's")
    return allowed, None


def _keep(known: dict[str, V], key: str, value: V) -> None:
    known.pop(key, None)
    known[key] = value
    while len(known) > MOST_KNOWN:
        known.pop(next(iter(known)))
