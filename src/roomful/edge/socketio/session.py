"""Users, rooms and messages as RTCMultiConnection's server keeps them. Sans-IO: an event in, what others are told and the
answer out; run by `endpoint`.

Where the original trusts the page this does not: a message's sender is who sent it, an id that somebody has cannot be
taken over, a password is asked of everybody who joins, and a page's own event reaches only the room it is in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from roomful.core.bucket import Bucket
from roomful.core.errors import Invalid, LimitExceeded, NotAllowed, RoomfulError
from roomful.edge.socketio import wire
from roomful.edge.socketio.wire import Entry, Message

NO_ROOM = "Room not available"
NO_USER = "User ID does not exist"
NO_ROOM_YET = "Did not join any room yet"
FULL = "Room full"
WRONG_PASSWORD = "Invalid password"
NOT_OWNER = "Room permission denied"
NO_IDENTIFIER = "publicRoomIdentifier is required"


@dataclass(frozen=True, slots=True)
class Emit:
    sid: str
    event: str
    args: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """Ends a connection."""

    sid: str
    reason: str


Output = Emit | Drop


@dataclass(frozen=True, slots=True)
class Done:
    """`answer` is what the page's callback is called with, if it has given one."""

    outputs: list[Output] = field(default_factory=list[Output])
    answer: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    users: int = 5_000
    rooms: int = 5_000
    met: int = 1_000
    """Others whom one user has exchanged messages with."""
    burst: int = 400
    """Events of one connection at once, each person told by one counting a twentieth."""
    per_s: int = 50


@dataclass(slots=True)
class _User:
    id: str
    sid: str
    entry: Entry
    extra: object
    bucket: Bucket
    room: str = ""
    customs: set[str] = field(default_factory=set[str])
    met: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class _Room:
    name: str
    owner: str
    most: int
    session: dict[str, object]
    extra: object
    password: str
    identifier: str
    closes: bool
    one_way: bool
    people: list[str] = field(default_factory=list[str])

    @property
    def full(self) -> bool:
        return len(self.people) >= self.most


@dataclass(slots=True)
class Rooms:
    """All of a server."""

    bounds: Bounds = field(default_factory=Bounds)
    _users: dict[str, _User] = field(default_factory=dict[str, _User])
    _by_sid: dict[str, _User] = field(default_factory=dict[str, _User])
    _rooms: dict[str, _Room] = field(default_factory=dict[str, _Room])

    def connect(self, sid: str, entry: Entry, fresh: str) -> list[Output]:
        """`fresh` is an unguessable id, for who brings none. Raises LimitExceeded and NotAllowed: the connection is refused."""
        if entry.user == wire.ADMIN:
            raise NotAllowed("there is no administrator here")
        if len(self._by_sid) >= self.bounds.users:
            raise LimitExceeded("too many users")
        if entry.user in self._users:
            return [Emit(sid, "userid-already-taken", (entry.user, fresh))]
        user = _User(entry.user or fresh, sid, entry, entry.extra, Bucket(self.bounds.burst, self.bounds.per_s))
        self._users[user.id] = self._by_sid[sid] = user
        return []

    def disconnect(self, sid: str) -> list[Output]:
        user = self._by_sid.pop(sid, None)
        if user is None:
            return []
        outputs = self._part(user)
        outputs += self._leave(user)
        del self._users[user.id]
        return outputs

    def event(self, sid: str, event: str, args: tuple[object, ...], now_ms: int) -> Done:
        """What a page sent. What makes no sense, or is not allowed, is passed over, as the original does; a flood ends
        its connection."""
        user = self._by_sid.get(sid)
        if user is None:
            return Done()
        if not user.bucket.take(now_ms):
            return Done([Drop(sid, "too many events")])
        first = args[0] if args else None
        second = args[1] if len(args) > 1 else None
        try:
            done = self._handle(user, event, first, second)
        except RoomfulError:
            return Done()
        if len(done.outputs) > 1 and not user.bucket.take(now_ms, len(done.outputs) / 20):
            return Done([Drop(sid, "too many events")])
        return done

    def _handle(self, user: _User, event: str, first: object, second: object) -> Done:
        if event == user.entry.event:
            return self._message(user, wire.message(first))
        if event in user.customs:
            return self._custom(user, event, first)
        match event:
            case "extra-data-updated":
                return self._extra(user, wire.extra_of(first))
            case "get-remote-user-extra-data":
                other = self._users.get(wire.name(first))
                return Done(answer=(NO_USER,) if other is None else (other.extra,))
            case "set-custom-socket-event-listener":
                if len(user.customs) < 8:
                    user.customs.add(wire.event(first))
                return Done()
            case "changed-uuid":
                return self._rename(user, wire.name(first))
            case "disconnect-with":
                return self._disconnect_with(user, wire.name(first))
            case "check-presence":
                return self._presence(wire.name(first))
            case "is-valid-password":
                return self._valid_password(wire.name(first), wire.name(second))
            case "set-password":
                return self._set_password(user, wire.name(first))
            case "get-public-rooms":
                return self._public(wire.name(first))
            case "open-room":
                return self._open(user, wire.room_request(first))
            case "join-room":
                return self._join(user, wire.room_request(first))
            case "close-entire-session":
                return self._close(user)
            case _:
                return Done()

    # Messages

    def _message(self, user: _User, message: Message) -> Done:
        if message.asks_presence_of is not None:
            asked = message.asks_presence_of
            return Done(answer=(asked != user.id and asked in self._users, asked))
        if not message.to or message.to == user.id:
            return Done()
        if message.asks_to_join and message.to in self._rooms:
            return Done(self._ask_room(user, message))
        other = self._users.get(message.to)
        if other is None:
            return Done()
        outputs: list[Output] = []
        if not message.leaves and other.id not in user.met:
            if max(len(user.met), len(other.met)) >= self.bounds.met:
                return Done()
            user.met.add(other.id)
            other.met.add(user.id)
            outputs += (Emit(user.sid, "user-connected", (other.id,)), Emit(other.sid, "user-connected", (user.id,)))
        if other.id in user.met:
            outputs.append(self._told(user, other, message))
        return Done(outputs)

    def _ask_room(self, user: _User, message: Message) -> list[Output]:
        """Somebody who has joined asks those who are there to offer: all of them, or the one who sends."""
        room = self._rooms.get(user.room)
        if room is None:
            return []
        wanted = (room.owner,) if room.one_way else room.people
        return [self._told(user, self._users[one], message) for one in wanted if one != user.id]

    def _told(self, user: _User, other: _User, message: Message) -> Emit:
        return Emit(other.sid, other.entry.event, (message.told(user.id, other.id, user.extra),))

    def _custom(self, user: _User, event: str, value: object) -> Done:
        """To those of the same room who listen; outside of rooms to those who are in none."""
        if wire.size(value) > wire.MAX_MESSAGE:
            raise Invalid("too large", code="too_large")
        others = self._users.values() if not user.room else [self._users[one] for one in self._rooms[user.room].people]
        told = [one for one in others if one is not user and event in one.customs and one.room == user.room]
        return Done([Emit(one.sid, event, (value,)) for one in told])

    def _extra(self, user: _User, extra: object) -> Done:
        user.extra = extra
        told = dict.fromkeys(user.met)
        if (room := self._rooms.get(user.room)) is not None:
            if room.owner == user.id:
                room.extra = extra
            told.update(dict.fromkeys(room.people))
        return Done([Emit(self._users[one].sid, "extra-data-updated", (user.id, extra)) for one in told])

    def _rename(self, user: _User, new: str) -> Done:
        if not new or new == wire.ADMIN:
            raise Invalid("no such id")
        if new in self._users:
            return Done([] if new == user.id else [Emit(user.sid, "userid-already-taken", (new, user.id))])
        old = user.id
        del self._users[old]
        user.id = new
        self._users[new] = user
        for one in user.met:
            self._users[one].met.discard(old)
            self._users[one].met.add(new)
        if (room := self._rooms.get(user.room)) is not None:
            room.people[room.people.index(old)] = new
            if room.owner == old:
                room.owner = new
        return Done()

    def _disconnect_with(self, user: _User, other_id: str) -> Done:
        other = self._users.get(other_id)
        if other is None or other_id not in user.met:
            return Done()
        user.met.discard(other_id)
        other.met.discard(user.id)
        return Done(
            [Emit(user.sid, "user-disconnected", (other_id,)), Emit(other.sid, "user-disconnected", (user.id,))]
        )

    def _part(self, user: _User) -> list[Output]:
        outputs: list[Output] = []
        for one in user.met:
            other = self._users[one]
            other.met.discard(user.id)
            outputs.append(Emit(other.sid, "user-disconnected", (user.id,)))
        user.met.clear()
        return outputs

    # Rooms

    def _open(self, user: _User, asked: wire.RoomRequest) -> Done:
        held = self._rooms.get(asked.room)
        if held is not None and held.people != [user.id]:
            return Done(answer=(False, NO_ROOM))
        if held is None and len(self._rooms) >= self.bounds.rooms:
            return Done(answer=(False, NO_ROOM))
        outputs = self._leave(user)
        user.extra = asked.extra
        user.room = asked.room
        self._rooms[asked.room] = _Room(
            name=asked.room,
            owner=user.id,
            most=user.entry.most,
            session=asked.session,
            extra=asked.extra,
            password=asked.password,
            identifier=asked.identifier,
            closes=user.entry.closes_room or asked.one_way,
            one_way=asked.one_way,
            people=[user.id],
        )
        return Done(outputs, (True,))

    def _join(self, user: _User, asked: wire.RoomRequest) -> Done:
        room = self._rooms.get(asked.room)
        if room is None:
            return Done(answer=(False, NO_ROOM))
        if room.password and room.password != asked.password:
            return Done(answer=(False, WRONG_PASSWORD))
        if user.room == room.name:
            user.extra = asked.extra
            return Done(answer=(True,))
        if room.full:
            return Done(answer=(False, FULL))
        outputs = self._leave(user)
        user.extra = asked.extra
        user.room = room.name
        room.people.append(user.id)
        return Done(outputs, (True,))

    def _leave(self, user: _User) -> list[Output]:
        """Out of the room one is in, which gets another owner or ends."""
        room = self._rooms.get(user.room)
        user.room = ""
        if room is None:
            return []
        room.people.remove(user.id)
        if room.owner != user.id:
            return []
        if room.closes or not room.people:
            return self._end(room)
        room.owner = room.people[0]
        return [Emit(self._users[room.owner].sid, "set-isInitiator-true", (room.name,))]

    def _end(self, room: _Room) -> list[Output]:
        del self._rooms[room.name]
        outputs: list[Output] = []
        for one in room.people:
            other = self._users[one]
            other.room = ""
            outputs.append(Emit(other.sid, "closed-entire-session", (room.name, room.extra)))
        return outputs

    def _close(self, user: _User) -> Done:
        room = self._rooms.get(user.room)
        if room is None:
            return Done(answer=(False, NO_ROOM))
        if room.owner != user.id:
            return Done(answer=(False, NOT_OWNER))
        room.people.remove(user.id)
        user.room = ""
        return Done(self._end(room), (True,))

    def _presence(self, name: str) -> Done:
        room = self._rooms.get(name)
        extra = wire.fields(room.extra) if room is not None else {}
        extra["_room"] = {
            "isFull": room is not None and room.full,
            "isPasswordProtected": room is not None and bool(room.password.strip()),
        }
        return Done(answer=(room is not None, name, extra))

    def _valid_password(self, password: str, name: str) -> Done:
        room = self._rooms.get(name)
        if not password.strip():
            return Done(answer=(False, name, "You did not enter the password."))
        if not name.strip():
            return Done(answer=(False, name, "You did not enter the room-id."))
        if room is None:
            return Done(answer=(False, name, NO_ROOM))
        if not room.password:
            return Done(answer=(False, name, "This room do not have any password."))
        return Done(answer=(True, name, False) if room.password == password else (False, name, WRONG_PASSWORD))

    def _set_password(self, user: _User, password: str) -> Done:
        room = self._rooms.get(user.room)
        if room is None:
            return Done(answer=(None, None, NO_ROOM_YET))
        if room.owner != user.id:
            return Done(answer=(False, room.name, NOT_OWNER))
        room.password = password
        return Done(answer=(True, room.name, None))

    def _public(self, identifier: str) -> Done:
        if not identifier.strip():
            return Done(answer=(None, NO_IDENTIFIER))
        found = [one for one in self._rooms.values() if one.identifier == identifier][:100]
        rooms = [
            {
                "maxParticipantsAllowed": one.most,
                "owner": one.owner,
                "participants": one.people[:100],
                "extra": one.extra,
                "session": one.session,
                "sessionid": one.name,
                "isRoomFull": one.full,
                "isPasswordProtected": bool(one.password.strip()),
            }
            for one in found
        ]
        return Done(answer=(rooms,))
