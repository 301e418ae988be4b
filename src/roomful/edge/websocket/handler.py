"""What a user gives to `@app.websocket`, a class or a function, sync or async → one shape. Used by `endpoint`.

@app.websocket("/echo")                     @app.websocket("/echo")
class Echo:                                 async def echo(client):
    def connect(self, client): …                async for message in client:
    def message(self, client, message): …           client.send(message)
    def close(self, client): …

@app.websocket("/echo")
def echo(client, message):
    return message
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from roomful.edge.websocket.client import Client

Answer = str | bytes | None
"""What is sent back, if anything."""
Connect = Callable[[Client], Any | Awaitable[Any]]
"""False, or `raise client.refuse(why)`, refuses."""
OnMessage = Callable[[Client, Any], Answer | Awaitable[Answer]]
OnClose = Callable[[Client], Any | Awaitable[Any]]
Run = Callable[[Client], Awaitable[Any]]

_METHODS = ("connect", "message", "close")


@dataclass(frozen=True, slots=True)
class Handler:
    """`run` is the style of `async for`; it comes with none of the others."""

    name: str
    connect: Connect | None = None
    message: OnMessage | None = None
    close: OnClose | None = None
    run: Run | None = None

    @property
    def waits(self) -> bool:
        """Whether `message` is a coroutine function."""
        return inspect.iscoroutinefunction(self.message)


def handler_of(given: object) -> Handler:
    """Raises TypeError, which says what was expected."""
    name = getattr(given, "__name__", type(given).__name__)
    if inspect.isfunction(given) or inspect.ismethod(given):
        count = len(inspect.signature(given).parameters)
        if count == 2:
            return Handler(name, message=cast("OnMessage", given))
        if count == 1 and inspect.iscoroutinefunction(given):
            return Handler(name, run=cast("Run", given))
        raise TypeError(f"{name} must be `async def {name}(client)` or `def {name}(client, message)`")
    one = given() if inspect.isclass(given) else given
    methods = {method: getattr(one, method, None) for method in _METHODS}
    if not any(callable(method) for method in methods.values()):
        raise TypeError(f"{name} has none of the methods {', '.join(_METHODS)}")
    return Handler(name, **cast("dict[str, Any]", methods))
