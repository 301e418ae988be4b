"""A user's `on_message` functions as `ports.chat.ChatHooks`: sync or async, one after the other, with a deadline; a failure refuses.

Filled by `roomful.app.Roomful`, called by `service.chat`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from roomful.core.errors import Denied, RoomfulError
from roomful.ports.chat import ChatRequest

log = logging.getLogger("roomful.hooks")

Verdict = ChatRequest | str | bool | None
"""A changed request, or another text; True or None let it be said; False refuses."""
MessageHook = Callable[[ChatRequest], Verdict | Awaitable[Verdict]]


@dataclass(slots=True)
class UserChatHooks:
    """Implements `ports.chat.ChatHooks`."""

    deadline_s: float
    on_message: list[MessageHook] = field(default_factory=list[MessageHook])

    @property
    def wants_chat(self) -> bool:
        return bool(self.on_message)

    async def judge(self, request: ChatRequest) -> str:
        for hook in self.on_message:
            request = await self._ask(hook, request)
        return request.text

    async def _ask(self, hook: MessageHook, request: ChatRequest) -> ChatRequest:
        try:
            async with asyncio.timeout(self.deadline_s):
                verdict = hook(request)
                if inspect.isawaitable(verdict):
                    verdict = await verdict
        except RoomfulError:
            raise
        except TimeoutError:
            log.error("on_message took longer than %s s: the message is refused", self.deadline_s)
            raise Denied("the server could not decide in time") from None
        except Exception:
            log.exception("on_message failed: the message is refused")
            raise Denied("the server could not decide") from None
        match verdict:
            case ChatRequest():
                return verdict
            case str():
                return request.change(verdict)
            case False:
                raise Denied("this may not be said here")
            case _:
                return request
