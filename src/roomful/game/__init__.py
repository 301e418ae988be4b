"""Games for many players: an authoritative tick loop in Python, snapshots as deltas, inputs that survive loss.

A program subclasses `Game` and hands it to `Roomful.game`. Pure: bytes in, bytes out, the time as an argument;
`plugins.games` runs it over a room's data channels. `docs/how-to/games.md` teaches it, `docs/reference/game.md` is the wire.
"""

from roomful.game.game import Game
from roomful.game.player import Player
from roomful.game.rules import GameRules
from roomful.game.seat import Seat

__all__ = ["Game", "GameRules", "Player", "Seat"]
