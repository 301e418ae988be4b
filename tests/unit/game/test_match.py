"""A match as its people meet it: seats kept, bots giving way, worlds that arrive through loss."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from roomful.game import Game, GameRules, Player, Seat
from roomful.game.match import Match, Outgoing
from roomful.game.wire import Hello, Message, Refused, State, encode_player

STEP_MS = 1_000 / 60


class Field(Game):
    """Players push a counter about; what they say is repeated to all."""

    def start(self) -> None:
        self.calls = list[str]()
        self.x = dict[int, int]()

    def seated(self, seat: Seat) -> None:
        self.calls.append(f"seated {seat.name}")
        self.x[seat.number] = 0

    def left(self, seat: Seat) -> None:
        self.calls.append(f"left {seat.name}")
        del self.x[seat.number]

    def tick(self, dt_s: float) -> None:
        for seat in self.seats:
            for push in seat.inputs:
                self.x[seat.number] += push

    def state(self) -> State:
        return {number: {"x": x} for number, x in self.x.items()}

    def message(self, seat: Seat, data: Any) -> None:
        self.send([seat.name, data])

    def settings(self) -> Any:
        return {"width": 100}


class Table:
    """A match and its players, with nothing between them but what a test puts there."""

    def __init__(self, **rules: Any) -> None:
        self.game = Field()
        self.match = Match(self.game, GameRules(**rules), "field-1", seed=1)
        self.players = dict[str, Player]()
        self.now = 0.0

    def come(self, sid: str, *, identity: str = "", spectate: bool = False) -> Player:
        player = self.players[sid] = self.players.get(sid) or Player()
        self.hear(sid, player.hello(spectate=spectate), identity=identity)
        self.deliver(self.match.take())
        return player

    def hear(self, sid: str, payload: bytes, *, identity: str = "") -> None:
        self.match.hear(sid, identity or f"id-{sid}", sid, payload, self.now)

    def deliver(self, out: list[Outgoing]) -> None:
        for one in out:
            for sid in one.to:
                if sid in self.players:
                    self.players[sid].hear(one.payload, self.now)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += STEP_MS
            self.match.tick(self.now)
            self.deliver(self.match.take())


def test_who_comes_is_seated_welcomed_and_seen_by_others() -> None:
    table = Table()
    ada = table.come("ada")
    bob = table.come("bob")
    table.tick(3)
    assert (ada.seat, bob.seat) == (0, 1)
    assert ada.welcome and ada.welcome.settings == {"width": 100} and ada.welcome.ticks == 60
    assert [(seat.name, seat.connected) for seat in ada.seats] == [("ada", True), ("bob", True)]
    assert ada.frame and ada.frame.world == {0: {"x": 0}, 1: {"x": 0}} and ada.frame.tick == 3


def test_inputs_move_the_world_and_are_acknowledged() -> None:
    table = Table(snapshots=60)
    ada = table.come("ada")
    for _ in range(10):
        table.hear("ada", ada.act(2, table.now))
        table.tick()
    assert ada.frame and ada.frame.world == {0: {"x": 20}} and ada.frame.ack == 10
    assert ada.round_trip_ms is not None and ada.round_trip_ms <= 1


@pytest.mark.parametrize("loss", [0.05, 0.3])
def test_worlds_and_inputs_arrive_through_loss(loss: float) -> None:
    table, chance = Table(snapshots=60, seats=8), Random(7)
    players = {sid: table.come(sid) for sid in "abcdefgh"}
    history = dict[int, State]()
    for turn in range(600):
        for sid, player in players.items():
            packet = player.act(1, table.now)
            if chance.random() >= loss:
                table.hear(sid, packet)
        table.now += STEP_MS
        table.match.tick(table.now)
        history[table.match.number] = {number: {"x": x} for number, x in table.game.x.items()}
        table.deliver([one for one in table.match.take() if one.reliable or chance.random() >= loss])
        for player in players.values():
            if player.frame:
                assert player.frame.world == history[player.frame.tick], turn
    for number, x in table.game.x.items():
        assert x >= 590, f"seat {number}: repetition makes up for lost packets"
    assert all(player.frame and player.frame.tick > 580 for player in players.values())


def test_a_seat_is_kept_for_who_reloads_and_given_up_when_the_grace_is_over() -> None:
    table = Table(grace_s=1)
    table.come("ada", identity="ada")
    table.come("bob", identity="bob")
    table.game.x[0] = 7
    table.match.gone("ada", table.now)
    table.tick(30)
    assert [(seat.name, seat.connected) for seat in table.players["bob"].seats] == [("ada", False), ("bob", True)]
    again = table.come("ada2", identity="ada")
    table.tick(60)
    assert again.seat == 0 and table.game.x[0] == 7, "the same seat, and what it had"
    assert "left ada" not in table.game.calls
    table.match.gone("ada2", table.now)
    table.tick(61)
    assert table.game.calls[-1] == "left ada2" and 0 not in table.game.x
    assert not table.match.empty, "bob is there"
    table.match.gone("bob", table.now)
    assert not table.match.empty, "a seat is kept"
    table.tick(61)
    assert table.match.empty


def test_a_player_who_counts_anew_is_heard() -> None:
    table = Table()
    ada = table.come("ada")
    for _ in range(50):
        table.hear("ada", ada.act(1, table.now))
        table.tick()
    before = table.game.x[0]
    table.come("ada")
    table.hear("ada", ada.act(1, table.now))
    table.tick(3)
    assert table.game.x[0] == before + 1


def test_later_ones_watch_and_may_sit_down_when_a_seat_is_free() -> None:
    table = Table(seats=1, grace_s=0)
    table.come("ada")
    bob = table.come("bob")
    eve = table.come("eve", spectate=True)
    table.tick(3)
    assert bob.seat is None and eve.seat is None
    assert bob.frame and bob.frame.world == {0: {"x": 0}}, "who watches sees the world"
    table.hear("bob", bob.act(5, table.now))
    table.hear("bob", bob.say("hello"))
    table.tick(3)
    assert table.game.x == {0: 0} and not bob.told, "and changes nothing"
    table.match.gone("ada", table.now)
    table.tick()
    assert table.come("bob").seat == 0


def test_who_may_not_send_gets_whole_worlds() -> None:
    table = Table()
    table.players["mute"] = Player()
    table.match.watch("mute")
    table.come("ada")
    table.tick(9)
    frame = table.players["mute"].frame
    assert frame and frame.tick == 9 and frame.world == {0: {"x": 0}}


def test_bots_play_and_give_way_to_people() -> None:
    table = Table(seats=2)
    table.game.seat_bot("robo", lambda seat: 3)
    table.game.seat_bot("rob2", lambda seat: 1)
    with pytest.raises(ValueError, match="no seat"):
        table.game.seat_bot("rob3", lambda seat: 1)
    table.tick(2)
    assert table.game.x == {0: 6, 1: 2}
    ada = table.come("ada")
    assert ada.seat == 1 and table.game.calls[-2:] == ["left rob2", "seated ada"]
    assert [seat.bot for seat in table.game.seats] == [True, False]


def test_messages_arrive_at_all_and_are_limited() -> None:
    table = Table()
    ada, bob = table.come("ada"), table.come("bob", spectate=True)
    table.hear("ada", ada.say({"word": "hi"}))
    table.tick()
    assert list(bob.told) == [["ada", {"word": "hi"}]]
    for _ in range(1_000):
        table.hear("ada", ada.say("spam"))
    table.tick()
    assert len(bob.told) < 30


def test_strangers_bytes_are_refused_once_and_harm_nobody() -> None:
    table, chance = Table(), Random(3)
    ada = table.come("ada")
    eve = table.come("eve")
    for _ in range(10_000):
        data = bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
        table.hear("eve", bytes((chance.randrange(5),)) + data)
    refused = [one for one in table.match.take() if b"malformed" in one.payload]
    assert len(refused) == 1 and refused[0].to == ("eve",)
    eve.hear(refused[0].payload, 0)
    assert isinstance(eve.refused, Refused)
    table.hear("ada", ada.act(4, table.now))
    table.tick(3)
    assert table.game.x[0] == 4


def test_a_flood_of_packets_is_cut_off() -> None:
    table = Table()
    ada = table.come("ada")
    heard = 0
    for number in range(2_000):
        before = table.match._viewers["ada"].client_ms  # pyright: ignore[reportPrivateUsage]
        table.hear("ada", ada.ack(number + 1))
        heard += table.match._viewers["ada"].client_ms != before  # pyright: ignore[reportPrivateUsage]
    assert heard <= 120
    for _ in range(100):
        table.hear("ada", encode_player(Hello()))
    assert len(table.match.take()) <= 5


def test_an_older_ack_and_one_from_the_future_are_passed_over() -> None:
    table = Table(snapshots=60)
    ada = table.come("ada")
    table.tick(5)
    old = ada.ack(1)
    table.tick(5)
    table.hear("ada", ada.ack(2))
    table.hear("ada", old)
    table.hear("ada", b"\x02\x00\xff\xff\xff" + old[5:])
    table.tick()
    assert ada.frame and ada.frame.tick == 11


def test_a_game_can_end_and_refuses_what_is_too_long() -> None:
    table = Table()
    table.come("ada")
    with pytest.raises(ValueError, match="at most 60000"):
        table.game.send("x" * 70_000)
    with pytest.raises(TypeError):
        table.game.send(object())
    table.game.end()
    assert table.match.over


def test_messages_are_the_packed_value() -> None:
    assert encode_player(Message([1])) == b"\x03\x91\x01"


@pytest.mark.parametrize(
    "rules", [{"ticks": 0}, {"ticks": 500}, {"snapshots": 61}, {"seats": 0}, {"grace_s": -1}, {"max_input": 0}]
)
def test_rules_that_cannot_be_played_by_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is|not"):
        GameRules(**rules)
