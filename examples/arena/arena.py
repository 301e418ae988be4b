"""Arena: ships for two to eight, in the browser, with the room's voices. The server decides everything; bots fill the empty seats.

`python examples/arena/arena.py`; open http://127.0.0.1:7880/arena/ in two browsers.
"""

from math import atan2, cos, hypot, pi, sin
from pathlib import Path

from roomful import Roomful
from roomful.game import Game, Seat

roomful = Roomful(dev=True)
roomful.files("/arena", Path(__file__).parent / "page")

WIDTH, HEIGHT = 1600, 900
SPEED, TURN, DRAG = 900.0, 4.2, 1.4
SHOT_SPEED, SHOT_LIFE_S, RELOAD_S = 760.0, 0.9, 0.28
SHIP, GEM, HEALTH, BACK_S = 18, 12, 3, 2.0
BOTS = ("Ada (bot)", "Linus (bot)")


class Ship:
    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.score = 0
        self.back_s = 0.0

    def place(self, x: float, y: float, angle: float) -> None:
        self.x, self.y, self.angle = x, y, angle
        self.vx = self.vy = 0.0
        self.health, self.reload_s = HEALTH, 0.0


@roomful.game("arena*", seats=8, snapshots=30)
class Arena(Game):
    def start(self) -> None:
        self.ships: dict[int, Ship] = {}
        self.shots: dict[int, dict[str, float]] = {}
        self.gem = (WIDTH / 2, HEIGHT / 2)
        self.shot_number = 0
        for name in BOTS:
            self.seat_bot(name, self.think)

    def settings(self):
        return {"width": WIDTH, "height": HEIGHT, "health": HEALTH}

    def seated(self, seat):
        self.ships[seat.number] = Ship(seat)
        self.launch(self.ships[seat.number])

    def left(self, seat):
        del self.ships[seat.number]

    def launch(self, ship: Ship) -> None:
        random = self.random
        ship.place(random.uniform(80, WIDTH - 80), random.uniform(80, HEIGHT - 80), random.uniform(-pi, pi))

    def tick(self, dt_s):
        for ship in self.ships.values():
            if ship.back_s > 0:
                ship.back_s -= dt_s
                if ship.back_s <= 0:
                    self.launch(ship)
            else:
                self.fly(ship, dt_s)
        for number, shot in list(self.shots.items()):
            self.move_shot(number, shot, dt_s)

    def fly(self, ship: Ship, dt_s: float) -> None:
        turn, thrust, fire = wishes(ship.seat.input)
        ship.angle = (ship.angle + turn * TURN * dt_s + pi) % (2 * pi) - pi
        ship.vx += (cos(ship.angle) * thrust * SPEED - ship.vx * DRAG) * dt_s
        ship.vy += (sin(ship.angle) * thrust * SPEED - ship.vy * DRAG) * dt_s
        ship.x = (ship.x + ship.vx * dt_s) % WIDTH
        ship.y = (ship.y + ship.vy * dt_s) % HEIGHT
        ship.reload_s -= dt_s
        if fire and ship.reload_s <= 0:
            ship.reload_s = RELOAD_S
            self.shot_number += 1
            self.shots[self.shot_number] = {
                "x": ship.x + cos(ship.angle) * SHIP,
                "y": ship.y + sin(ship.angle) * SHIP,
                "vx": ship.vx + cos(ship.angle) * SHOT_SPEED,
                "vy": ship.vy + sin(ship.angle) * SHOT_SPEED,
                "life_s": SHOT_LIFE_S,
                "by": ship.seat.number,
            }
        if hypot(ship.x - self.gem[0], ship.y - self.gem[1]) < SHIP + GEM:
            ship.score += 1
            ship.health = min(HEALTH, ship.health + 1)
            self.gem = (self.random.uniform(60, WIDTH - 60), self.random.uniform(60, HEIGHT - 60))
            self.send({"event": "gem", "seat": ship.seat.number})

    def move_shot(self, number: int, shot: dict[str, float], dt_s: float) -> None:
        shot["x"], shot["y"] = (shot["x"] + shot["vx"] * dt_s) % WIDTH, (shot["y"] + shot["vy"] * dt_s) % HEIGHT
        shot["life_s"] -= dt_s
        for ship in self.ships.values():
            hit = hypot(ship.x - shot["x"], ship.y - shot["y"]) < SHIP
            if hit and ship.seat.number != shot["by"] and ship.back_s <= 0:
                shot["life_s"] = 0
                ship.health -= 1
                if ship.health == 0:
                    ship.back_s = BACK_S
                    if by := self.ships.get(int(shot["by"])):
                        by.score += 3
                    self.send({"event": "wreck", "seat": ship.seat.number, "by": int(shot["by"])})
        if shot["life_s"] <= 0:
            del self.shots[number]

    def state(self):
        world = {
            f"ship {number}": {
                "x": round(ship.x),
                "y": round(ship.y),
                "a": round(ship.angle, 2),
                "hp": 0 if ship.back_s > 0 else ship.health,
                "score": ship.score,
            }
            for number, ship in self.ships.items()
        }
        world |= {number: {"x": round(shot["x"]), "y": round(shot["y"])} for number, shot in self.shots.items()}
        world["gem"] = {"x": round(self.gem[0]), "y": round(self.gem[1])}
        return world

    def think(self, seat: Seat):
        """A bot: it flies to the gem, and shoots at what is in front of it."""
        ship = self.ships[seat.number]
        turn = bearing(ship, *self.gem)
        ahead = any(
            other is not ship
            and other.back_s <= 0
            and hypot(other.x - ship.x, other.y - ship.y) < 350
            and abs(bearing(ship, other.x, other.y)) < 0.15
            for other in self.ships.values()
        )
        return {"turn": max(-1, min(1, 3 * turn)), "thrust": 0.55 if abs(turn) < 0.8 else 0.1, "fire": ahead}


def bearing(ship: Ship, x: float, y: float) -> float:
    """How far to turn towards a place, -π to π."""
    return (atan2(y - ship.y, x - ship.x) - ship.angle + pi) % (2 * pi) - pi


def wishes(told) -> tuple[float, float, bool]:
    """Inputs are a stranger's data: whatever is odd counts for nothing."""
    wish = told if isinstance(told, dict) else {}

    def part(name: str, least: float) -> float:
        value = wish.get(name)
        return max(least, min(1.0, value)) if isinstance(value, int | float) and value == value else 0.0

    return part("turn", -1.0), part("thrust", 0.0), wish.get("fire") is True


if __name__ == "__main__":
    raise SystemExit(roomful.run())
