"""Hosts, co-hosts, speakers and listeners: who comes in, who may do what, and that nobody can do more than that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.core.commands import (
    Bind,
    Command,
    Decide,
    EndForAll,
    Expel,
    Join,
    Knock,
    Leave,
    LowerHand,
    Moderation,
    Publish,
    SetRole,
    SetRules,
    Silence,
    Tick,
    UpdateParticipant,
)
from roomful.core.effects import RoomGoverned
from roomful.core.events import Left, Muted, Notice, Refused, Unpublished
from roomful.core.moderation import MOST_KNOWN, SOURCES, WAITS_MS, own_attributes
from roomful.core.permission import Permission
from roomful.core.policy import PRESETS, Policy, RoomRules
from roomful.core.role import HAND, ROLE, Role, role_of
from roomful.core.room import Output, Room
from roomful.core.room_info import RoomInfo
from roomful.core.track import AddTrack


class Scene:
    """A room whose participants are `PA_<identity>`."""

    def __init__(self, rules: RoomRules | None = None, **policy: Any) -> None:
        self.room = Room(RoomInfo("RM_1", "r"), replace(Policy(), **policy), rules)
        self.now = 1_000
        self.out: Output = []

    def send(self, command: Command) -> str:
        """The code of a refusal, or nothing."""
        self.out = self.room.handle(command, self.now)
        refused = [one.event for one in self.out if isinstance(one, Notice) and isinstance(one.event, Refused)]
        return refused[0].code if refused else ""

    def join(self, who: str, role: Role | None = None, *, guest: bool = True, **fields: Any) -> str:
        permission = fields.pop("permission", Permission(can_update_metadata=True))
        return self.send(Join(f"PA_{who}", who, who, role=role, guest=guest, permission=permission, **fields))

    def publish(self, who: str, source: str) -> str:
        track = f"TR_{who}_{source}"
        kind = "audio" if source in ("microphone", "screen_share_audio") else "video"
        code = self.send(Publish(f"PA_{who}", track, AddTrack(track, kind, source=source)))
        if not code:
            self.send(Bind(track, track, "opus" if kind == "audio" else "vp8"))
        return code

    def may(self, who: str) -> Permission:
        return self.of(who).permission

    def of(self, who: str) -> Any:
        participant = self.room.by_identity(who)
        assert participant is not None
        return participant

    def told(self, who: str, kind: type[Any]) -> list[Any]:
        notices = [one for one in self.out if isinstance(one, Notice)]
        return [one.event for one in notices if isinstance(one.event, kind) and f"PA_{who}" in one.to]


def scene(rules: RoomRules | None = None) -> Scene:
    """A host, a co-host and two guests."""
    one = Scene(rules)
    one.join("host", Role.HOST)
    for guest in ("co", "ann", "ben"):
        one.send(Knock(guest, guest))
        one.send(Decide("PA_host", None, admit=True))
        one.join(guest)
    one.send(SetRole("PA_host", "PA_co", Role.COHOST))
    return one


def test_plain_participants_have_no_attributes_of_ours_and_all_their_rights() -> None:
    one = Scene()
    one.join("sdk", guest=False, attributes={"color": "red"})
    assert one.of("sdk").attributes == {"color": "red"}
    assert one.of("sdk").granted is None
    one.join("page")
    assert one.of("page").attributes == {}
    one.join("admin", Role.HOST, guest=False)
    assert one.of("admin").attributes == {}, "a LiveKit administrator is shown as it was"
    assert one.room.moderates("PA_admin")


def test_mute_asks_the_publisher_and_a_screen_ends() -> None:
    one = scene()
    for source in ("microphone", "camera", "screen_share"):
        assert one.publish("ann", source) == ""
    assert one.send(Silence("PA_co", "PA_ann", ("microphone",))) == ""
    assert [event.track for event in one.told("ann", Muted)] == ["TR_ann_microphone"]
    assert one.send(Silence("PA_co", "PA_ann", ("screen_share",))) == ""
    assert [event.track for event in one.told("ann", Unpublished)] == ["TR_ann_screen_share"]
    assert {(track.source, track.muted) for track in one.of("ann").tracks} == {("microphone", True), ("camera", False)}


def test_muting_everybody_spares_moderators() -> None:
    one = scene()
    for who in ("host", "co", "ann", "ben"):
        one.publish(who, "microphone")
    one.send(Silence("PA_co", None, ("microphone",)))
    muted = {who for who in ("host", "co", "ann", "ben") if one.of(who).tracks[0].muted}
    assert muted == {"ann", "ben"}


def commands(by: str | None, other: str) -> list[Moderation]:
    return [
        Silence(by, other, ("microphone",)),
        Expel(by, other),
        SetRole(by, other, Role.LISTENER),
        SetRole(by, other, Role.HOST),
        LowerHand(by, other),
        SetRules(by, RoomRules(locked=True)),
        Decide(by, None, admit=True),
        EndForAll(by),
    ]


def test_guests_and_strangers_may_do_nothing() -> None:
    for by in ("PA_ann", "PA_nobody", ""):
        for command in commands(by, "PA_ben"):
            one = scene()
            before = (one.room.participants(), one.room.rules)
            assert one.send(command) == "not_allowed", command
            assert (one.room.participants(), one.room.rules) == before
            assert not one.room.closed


def test_co_hosts_do_not_touch_hosts_nor_make_them_nor_end_the_room() -> None:
    one = scene()
    for command in (
        Silence("PA_co", "PA_host", ("microphone",)),
        Expel("PA_co", "PA_host"),
        SetRole("PA_co", "PA_host", Role.LISTENER),
        SetRole("PA_co", "PA_ann", Role.COHOST),
        SetRole("PA_co", "PA_co", Role.HOST),
        EndForAll("PA_co"),
    ):
        assert one.send(command) == "not_allowed", command
    assert one.send(SetRole("PA_co", "PA_ann", Role.LISTENER)) == ""
    assert one.send(SetRules("PA_co", RoomRules(locked=True))) == ""


def test_the_last_host_stays_host_and_the_server_may_do_everything() -> None:
    one = scene()
    one.send(SetRole("PA_host", "PA_host", Role.LISTENER))
    assert one.room.moderates("PA_host")
    one.send(SetRole("PA_host", "PA_ann", Role.HOST))
    one.send(SetRole("PA_host", "PA_host", Role.LISTENER))
    assert not one.room.moderates("PA_host")
    assert one.send(Expel(None, "PA_ann")) == ""
    assert one.send(Expel(None, "PA_gone")) == "participant_not_found"
    assert one.send(EndForAll(None)) == ""
    assert one.room.closed


def test_who_is_removed_does_not_come_back() -> None:
    one = scene()
    one.send(Expel("PA_host", "PA_ann"))
    assert [event.reason for event in one.told("ann", Left)] == ["participant_removed"]
    assert one.send(Knock("ann", "Ann")) == "removed"
    assert one.join("ann") == "removed"
    assert one.join("ann", guest=False) == "removed"


def test_a_locked_room_takes_back_who_was_in_it_and_nobody_else() -> None:
    one = scene()
    one.send(SetRules("PA_host", RoomRules(locked=True)))
    assert one.join("cyd") == "room_locked"
    assert one.join("sdk", guest=False) == "room_locked"
    assert one.send(Knock("cyd", "Cyd")) == "room_locked"
    one.send(Leave("PA_ann", "client_initiated"))
    assert one.send(Knock("ann", "Ann")) == ""
    assert one.join("ann") == ""
    assert one.join("second", Role.HOST) == ""
    assert one.join("agent", guest=False, kind="agent") == ""


def test_the_lobby_admits_and_refuses_in_order_of_coming() -> None:
    one = scene(RoomRules(lobby=True))
    assert one.join("cyd") == "lobby_waiting", "a token from before does not help"
    for who in ("cyd", "dan", "eve"):
        one.now += 10
        assert one.send(Knock(who, who.title())) == "lobby_waiting"
        assert any(isinstance(effect, RoomGoverned) for effect in one.out)
    assert one.send(Knock("cyd", "Cyd")) == "lobby_waiting"
    assert not any(isinstance(effect, RoomGoverned) for effect in one.out), "asking again is no news"
    assert [(who.identity, who.name) for who in one.room.waiting] == [("cyd", "Cyd"), ("dan", "Dan"), ("eve", "Eve")]
    one.send(Decide("PA_co", "cyd", admit=True))
    one.send(Decide("PA_co", "dan", admit=False))
    assert one.send(Knock("cyd", "Cyd")) == ""
    assert one.join("cyd") == ""
    assert one.send(Knock("dan", "Dan")) == "lobby_refused"
    assert one.join("dan") == "lobby_waiting"
    assert one.send(Decide("PA_co", "nobody", admit=True)) == "participant_not_found"
    one.now += WAITS_MS
    one.send(Tick())
    assert one.room.waiting == (), "who no longer asks no longer waits"
    assert one.join("sdk", guest=False) == "", "whoever hands out tokens of its own decides itself"


def test_the_lobby_has_an_end() -> None:
    one = Scene(RoomRules(lobby=True), max_waiting=2)
    assert [one.send(Knock(who, who)) for who in "abc"] == ["lobby_waiting", "lobby_waiting", "lobby_full"]
    assert one.send(Knock("a", "a")) == "lobby_waiting"


def test_a_webinar_s_guests_listen_until_they_are_asked_to_speak() -> None:
    one = Scene(PRESETS["webinar"])
    one.join("host", Role.HOST)
    one.join("ann")
    assert one.publish("ann", "microphone") == "not_allowed"
    assert one.of("ann").attributes == {ROLE: "listener"}
    assert one.may("ann").can_publish_data
    one.send(UpdateParticipant("PA_ann", attributes={HAND: "1"}, by="PA_ann"))
    one.send(SetRole("PA_host", "PA_ann", Role.SPEAKER))
    assert one.of("ann").attributes == {}, "the hand was answered"
    assert one.publish("ann", "microphone") == ""
    one.send(Leave("PA_ann", "client_initiated"))
    one.join("ann")
    assert one.publish("ann", "microphone") == "", "who was asked is remembered"
    one.send(SetRole("PA_host", "PA_ann", Role.LISTENER))
    assert one.of("ann").tracks == ()


def test_a_speaker_whose_token_said_listener_may_speak_when_asked() -> None:
    one = scene()
    one.join("deaf", permission=Permission(can_publish=False, can_publish_data=False))
    one.send(SetRole("PA_host", "PA_deaf", Role.SPEAKER))
    assert one.publish("deaf", "microphone") == ""


def test_rules_are_felt_at_once_and_given_back() -> None:
    one = scene()
    one.publish("ann", "screen_share")
    one.publish("ann", "camera")
    one.send(SetRules("PA_host", RoomRules(share=Role.COHOST, chat=Role.COHOST)))
    assert [track.source for track in one.of("ann").tracks] == ["camera"]
    assert one.publish("ann", "screen_share") == "not_allowed"
    assert not one.may("ann").can_publish_data and one.may("co").can_publish_data
    one.send(SetRules("PA_host", PRESETS["webinar"]))
    assert one.of("ann").tracks == () and one.of("ann").attributes == {ROLE: "listener"}
    one.send(SetRules("PA_host", RoomRules()))
    assert one.may("ann") == Permission(can_update_metadata=True)
    assert one.of("ann").attributes == {}
    assert one.publish("ann", "screen_share") == ""


def test_the_server_s_word_on_rights_is_narrowed_by_the_rules_too() -> None:
    one = scene(RoomRules(share=Role.COHOST))
    one.send(UpdateParticipant("PA_ann", permission=Permission(can_publish_sources=frozenset({"screen_share"}))))
    assert not one.may("ann").can_publish
    one.send(SetRules("PA_host", RoomRules()))
    assert one.may("ann").can_publish_sources == {"screen_share"}


def test_hands_have_the_server_s_time_and_order() -> None:
    one = scene()
    for who in ("ben", "ann"):
        one.now += 5
        assert one.send(UpdateParticipant(f"PA_{who}", attributes={HAND: "1"}, by=f"PA_{who}")) == ""
    one.now += 5
    one.send(UpdateParticipant("PA_ben", attributes={HAND: "0"}, by="PA_ben"))
    assert (one.of("ben").attributes[HAND], one.of("ann").attributes[HAND]) == ("1005", "1010")
    assert one.send(LowerHand("PA_co", None)) == ""
    assert HAND not in one.of("ann").attributes and HAND not in one.of("ben").attributes


def test_nobody_makes_itself_host() -> None:
    one = scene()
    for attributes in ({ROLE: "host"}, {"roomful.anything": "x"}):
        assert one.send(UpdateParticipant("PA_ann", attributes=attributes, by="PA_ann")) == "not_allowed"
    one.join("eve", guest=False, attributes={ROLE: "host", HAND: "1"})
    assert one.of("eve").attributes == {} and not one.room.moderates("PA_eve")


@given(st.dictionaries(st.sampled_from([ROLE, HAND, "roomful.x", "mine"]), st.text(max_size=3)), st.integers(0, 10**13))
def test_what_is_allowed_is_never_the_room_s(changes: dict[str, str], now_ms: int) -> None:
    allowed, problem = own_attributes({ROLE: "speaker"}, changes, now_ms, server=False)
    assert problem or set(allowed) <= {HAND, "mine"} | {
        key for key in changes if changes[key] == {ROLE: "speaker"}.get(key, "")
    }
    assert allowed.get(HAND, "") in ("", str(now_ms))


@given(
    st.sampled_from(list(Role)), st.sampled_from(list(Role)), st.sampled_from(list(Role)), st.sampled_from(list(Role)),
    st.frozensets(st.sampled_from(sorted(SOURCES))),
)  # fmt: skip
def test_rules_only_ever_take_away(speak: Role, share: Role, chat: Role, role: Role, sources: frozenset[str]) -> None:
    one = Scene(RoomRules(speak=speak, share=share, chat=chat))
    granted = Permission(can_publish_sources=sources)
    one.join("x", role, permission=granted)
    now = one.may("x")
    for source in SOURCES:
        assert granted.allows_source(source) or not now.allows_source(source)
        least = speak if source in ("microphone", "camera") else share
        assert now.allows_source(source) == (granted.allows_source(source) and (role.reaches(least) or role.moderates))
    assert now.can_publish_data == (role.reaches(chat) or role.moderates)
    one.send(SetRules(None, RoomRules()))
    assert one.may("x") == (granted if role is not Role.LISTENER else one.may("x"))


def test_what_is_remembered_is_bounded() -> None:
    one = Scene()
    for number in range(50):
        one.join(str(number))
        one.send(Leave(f"PA_{number}", "client_initiated"))
    assert len(one.room._state.admitted) == 50 < MOST_KNOWN
    assert role_of("king") is None
    assert [role.rank for role in Role] == [0, 1, 2, 3]


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_let_hosts_do_everything(preset: str) -> None:
    one = Scene(PRESETS[preset])
    one.join("host", Role.HOST)
    for source in sorted(SOURCES):
        assert one.publish("host", source) == ""
