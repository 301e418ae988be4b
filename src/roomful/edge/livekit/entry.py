"""A request to enter: grant and query → `Entry`. Pure. Called by `endpoint` for both paths and their `/validate`.

v0 (`/rtc`) says all in query parameters, v1 (`/rtc/v1`) in `join_request`: base64 of a WrappedJoinRequest, often gzipped.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol.models import ClientInfo
from livekit.protocol.room import RoomConfiguration
from livekit.protocol.rtc import AddTrackRequest, JoinRequest, SessionDescription, SyncState, WrappedJoinRequest

from roomful.auth.grant import Grant
from roomful.core.commands import Join
from roomful.core.errors import Invalid, NotAllowed, Unauthenticated
from roomful.core.permission import Permission
from roomful.core.policy import RoomOptions
from roomful.core.role import OWN, ROLE, Role, role_of
from roomful.edge.livekit.frames import decode, gunzip
from roomful.edge.livekit.session import Client

MAX_JOIN_REQUEST = 1 << 20
"""Bytes of a JoinRequest, decompressed."""
MAX_JOIN_TRACKS = 64
_CLIENT_FIELDS = (
    "version", "os", "os_version", "device_model", "browser", "browser_version", "network", "other_sdks",
)  # fmt: skip
_MAX_CLIENT_FIELD = 256
_SDKS = {"ios": "swift", "reactnative": "react_native", "unityweb": "unity_web"}


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who may enter, as far as the token tells. `join.participant` is for the caller to fill."""

    room: str
    grant: Grant
    join: Join
    client: Client
    options: RoomOptions
    room_config: RoomConfiguration
    reconnect: bool = False
    participant: str = ""
    """Who comes back, when `reconnect`; older clients do not say."""
    add_tracks: tuple[AddTrackRequest, ...] = ()
    offer: SessionDescription | None = None
    sync: SyncState | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What both ways of saying it have in common."""

    client: ClientInfo
    auto_subscribe: bool
    auto_subscribe_data: bool
    adaptive_stream: bool
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    publish: str = ""
    reconnect: bool = False
    participant: str = ""


def enter(grant: Grant, query: Mapping[str, str], *, v1: bool, address: str = "") -> Entry:
    """Raises Unauthenticated, NotAllowed, Invalid, LimitExceeded."""
    if "join_request" in query:
        request = _join_request(query["join_request"])
        said = _of_request(request)
    elif v1:
        raise Invalid("join_request is required")
    else:
        request = None
        said = _of_query(query)
    room = grant.video.room or query.get("room", "")
    if not grant.video.room_join:
        raise Unauthenticated("permissions denied: the token does not allow to join a room", code="not_allowed")
    if not grant.identity:
        raise Invalid("identity cannot be empty")
    if not room:
        raise Invalid("no room name")
    config = _room_config(grant)
    entry = Entry(
        room=room,
        grant=grant,
        join=_join(grant, said, single=request is not None, address=address),
        client=Client(_sdk(said.client), said.client.protocol),
        options=_options(config),
        room_config=config,
        reconnect=said.reconnect,
        participant=said.participant,
    )
    if request is None:
        return entry
    return replace(
        entry,
        add_tracks=tuple(request.add_track_requests[:MAX_JOIN_TRACKS]),
        offer=request.publisher_offer if request.HasField("publisher_offer") else None,
        sync=request.sync_state if request.HasField("sync_state") else None,
    )


def _join(grant: Grant, said: _Said, *, single: bool, address: str) -> Join:
    permission: Permission = grant.video.permission()
    identity = grant.identity
    if said.publish:
        # A second connection of the same person that publishes only.
        if not permission.can_publish:
            raise NotAllowed("permissions denied: may not publish")
        permission = replace(permission, can_subscribe=False)
        identity = f"{identity}#{said.publish}"
    # The room's own attributes come by the token alone.
    attributes = {key: value for key, value in said.attributes.items() if value and not key.startswith(OWN)}
    if (said.metadata or attributes) and not permission.can_update_metadata:
        raise NotAllowed("permissions denied: may not change its own metadata")
    details = {name: str(getattr(said.client, name))[:_MAX_CLIENT_FIELD] for name in _CLIENT_FIELDS}
    capabilities = [ClientInfo.Capability.Name(one) for one in said.client.capabilities if one in (1, 2)]
    details |= {"sdk": _sdk(said.client), "address": address, "capabilities": ",".join(capabilities)}
    return Join(
        participant="",
        identity=identity,
        name=grant.name,
        metadata=said.metadata or grant.metadata,
        attributes={**grant.attributes, **attributes},
        permission=permission,
        kind=grant.kind,
        kind_details=grant.kind_details,
        auto_subscribe=said.auto_subscribe,
        auto_subscribe_data=said.auto_subscribe_data,
        adaptive_stream=said.adaptive_stream,
        client={key: value for key, value in details.items() if value},
        client_protocol=said.client.client_protocol,
        single_transport=single,
        role=Role.HOST if grant.video.room_admin else role_of(grant.attributes.get(ROLE, "")),
        guest=ROLE in grant.attributes,
    )


def _sdk(client: ClientInfo) -> str:
    """`js`, `rust` …; empty when unknown."""
    try:
        name = ClientInfo.SDK.Name(client.sdk).lower()
    except ValueError:
        return ""
    return "" if name == "unknown" else name


# v1


def _join_request(text: str) -> JoinRequest:
    # A plus that nobody escaped arrives as a space; both alphabets of base64 are in use, padded or not.
    plain = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        wrapped = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("cannot base64 decode wrapped join request") from None
    outer = decode(wrapped, WrappedJoinRequest(), MAX_JOIN_REQUEST)
    data = outer.join_request
    if outer.compression == WrappedJoinRequest.GZIP:
        data = gunzip(data, MAX_JOIN_REQUEST)
    elif outer.compression != WrappedJoinRequest.NONE:
        raise Invalid("this compression of a join request is not known here")
    return decode(data, JoinRequest(), MAX_JOIN_REQUEST)


def _of_request(request: JoinRequest) -> _Said:
    settings = request.connection_settings
    return _Said(
        client=request.client_info,
        auto_subscribe=settings.auto_subscribe,
        auto_subscribe_data=settings.auto_subscribe_data_track,
        adaptive_stream=settings.adaptive_stream,
        metadata=request.metadata,
        attributes=dict(request.participant_attributes),
        reconnect=request.reconnect,
        participant=request.participant_sid,
    )


# v0


def _of_query(query: Mapping[str, str]) -> _Said:
    sdk = query.get("sdk", "").lower()
    number = dict(ClientInfo.SDK.items()).get(_SDKS.get(sdk, sdk).upper(), ClientInfo.SDK.UNKNOWN)
    client = ClientInfo(
        sdk=number,  # pyright: ignore[reportArgumentType]
        protocol=_number(query.get("protocol", "")),
        client_protocol=_number(query.get("client_protocol", "")),
        capabilities=[
            name.strip()
            for name in query.get("capabilities", "").split(",")
            if name.strip() in ClientInfo.Capability.keys()  # noqa: SIM118
        ],
        **{name: query[name] for name in _CLIENT_FIELDS if name in query},  # pyright: ignore[reportArgumentType]
    )
    return _Said(
        client=client,
        auto_subscribe=_flag(query.get("auto_subscribe", "1")),
        auto_subscribe_data=_flag(query.get("auto_subscribe_data_track", "")),
        adaptive_stream=_flag(query.get("adaptive_stream", "")),
        attributes=_attributes(query.get("attributes", "")),
        publish=query.get("publish", ""),
        reconnect=_flag(query.get("reconnect", "")),
        participant=query.get("sid", ""),
    )


def _flag(text: str) -> bool:
    return text in ("1", "true")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _attributes(text: str) -> dict[str, str]:
    """base64url of a JSON object of texts."""
    if not text:
        return {}
    try:
        value: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise Invalid("cannot decode attributes") from None
    given = cast("dict[object, object]", value) if isinstance(value, dict) else None
    if given is None or not all(isinstance(one, str) for pair in given.items() for one in pair):
        raise Invalid("cannot decode attributes")
    return cast("dict[str, str]", given)


# The room it may open


def _room_config(grant: Grant) -> RoomConfiguration:
    try:
        return ParseDict(dict(grant.room_config), RoomConfiguration(), ignore_unknown_fields=True)
    except (ParseError, RecursionError, ValueError):
        raise Unauthenticated("the token's roomConfig is no RoomConfiguration", code="token_claims") from None


def _options(config: RoomConfiguration) -> RoomOptions:
    """0 is "not said" in LiveKit's messages."""
    return RoomOptions(
        empty_timeout_s=config.empty_timeout or None,
        departure_timeout_s=config.departure_timeout or None,
        max_participants=config.max_participants or None,
        metadata=config.metadata,
    )
