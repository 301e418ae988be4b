"""Puts kept chat together: store, LiveKit's words, the program's hooks, and `/api/chat`. Called by `app.parts`."""

from __future__ import annotations

from functools import partial

from roomful.app.running import Edge
from roomful.app.storage import Stores
from roomful.config.settings import Settings
from roomful.edge.chat.endpoint import ChatEndpoint
from roomful.edge.livekit.chat import LiveKitChat
from roomful.edge.livekit.tokens import Tokens
from roomful.plugins.chat import UserChatHooks
from roomful.service.actor import RoomActor
from roomful.service.chat import Chat
from roomful.service.directory import Directory
from roomful.service.overheard import Overheard


def chat_of(directory: Directory, stores: Stores, hooks: UserChatHooks, settings: Settings) -> Chat:
    """Listens in every room that opens from now on."""
    chat = Chat(stores.chat, LiveKitChat(), hooks, directory.clock, directory.get, keep_days=settings.chat_keep_days)

    def ear(chat: Chat, actor: RoomActor) -> Overheard:
        return Overheard(actor, chat)

    directory.ear = partial(ear, chat)
    return chat


def chat_edge(directory: Directory, chat: Chat, tokens: Tokens) -> Edge:
    """In the running loop: old messages begin to be removed."""
    chat.start()
    return Edge(routes=tuple(ChatEndpoint(directory, chat, tokens.verify, tokens.refuses).routes()), stop=chat.stop)
