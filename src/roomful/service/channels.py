"""Who may join which channel and what may be said there: the user's hooks decide, and what ships without any.

Between the hub, which asks, and `ports.ChannelHooks`. Edges say who came. Outside of development mode the channels that
nobody made rules for are closed, but for `p2p/…`, where people who share a link find each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from roomful.core.rates import Rates
from roomful.ports import Asked, ChannelHooks, ChannelRules, Clock, Hub, Peer, Verdict

log = logging.getLogger("roomful.channels")

P2P = "p2p/"
P2P_RULES = ChannelRules(presence=True, max_members=8)
JOIN_BURST, JOINS_PER_MINUTE = 100, 300
"""Of one address."""
REFUSED = Verdict(False, "refused", "this channel is not open")
TOO_MANY = Verdict(False, "rate_limited", "too many joins: wait a little")


class Channels:
    """One for a server. `open_to_all` lets everybody join what no rule of a program's is about."""

    def __init__(self, hub: Hub, hooks: ChannelHooks, clock: Clock, *, open_to_all: bool) -> None:
        self._hub = hub
        self._hooks = hooks
        self._clock = clock
        self._open = open_to_all
        self._peers: dict[int, Peer] = {}
        self._rates = Rates(burst=JOIN_BURST, per_minute=JOINS_PER_MINUTE)
        self._tasks: set[asyncio.Task[None]] = set()
        hub.ask(self._asked, self._left)
        for pattern, rules in (*hooks.rules(), (P2P + "*", P2P_RULES)):
            hub.rules(pattern, rules)

    def arrived(self, connection: int, identity: str, address: str) -> None:
        """An edge has let somebody in."""
        self._peers[connection] = Peer(connection, identity, address)

    def departed(self, connection: int) -> None:
        self._peers.pop(connection, None)

    def _asked(self, asked: Asked) -> None:
        peer = self._peers.get(asked.connection)
        if peer is None:
            self._hub.decide(asked.ask, REFUSED)
        elif asked.kind == "join" and not self._rates.allow(peer.address, self._clock.now_ms()):
            self._hub.decide(asked.ask, TOO_MANY)
        elif self._hooks.decides(asked.channel):
            verdict = self._hooks.decide(self._hub, asked, peer)
            if isinstance(verdict, Verdict):
                self._hub.decide(asked.ask, verdict)
            else:
                task = asyncio.create_task(self._answer(asked, verdict))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        elif self._open or asked.channel.startswith(P2P):
            self._hub.decide(asked.ask, Verdict(True))
        else:
            self._hub.decide(asked.ask, REFUSED)

    async def _answer(self, asked: Asked, verdict: Awaitable[Verdict]) -> None:
        self._hub.decide(asked.ask, await verdict)

    def _left(self, connection: int, channel: str) -> None:
        peer = self._peers.get(connection)
        if peer is not None and self._hooks.decides(channel):
            self._hooks.left(self._hub, channel, peer)

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
