"""What a token grants, as values (LiveKit's claims by other names), and how they become a participant's permission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from roomful.core.permission import Permission


@dataclass(frozen=True, slots=True)
class VideoGrant:
    """Claim `video`. None is "not said": the default is then LiveKit's."""

    room_create: bool = False
    room_list: bool = False
    room_record: bool = False
    room_admin: bool = False
    room_join: bool = False
    room: str = ""
    can_publish: bool | None = None
    can_subscribe: bool | None = None
    can_publish_data: bool | None = None
    can_publish_sources: tuple[str, ...] = ()
    """`camera`, `microphone`, `screen_share`, `screen_share_audio`; empty for all."""
    can_update_own_metadata: bool | None = None
    can_subscribe_metrics: bool | None = None
    can_manage_agent_session: bool | None = None
    ingress_admin: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False
    destination_room: str = ""

    def permission(self) -> Permission:
        """Rights in the room: publishing, subscribing and data unless denied, own metadata only if granted."""
        publish = self.can_publish is not False
        return Permission(
            can_subscribe=self.can_subscribe is not False,
            can_publish=publish,
            # Unsaid, data follows publishing, as LiveKit's grants do.
            can_publish_data=publish if self.can_publish_data is None else self.can_publish_data,
            can_publish_sources=frozenset(self.can_publish_sources),
            can_update_metadata=bool(self.can_update_own_metadata),
            can_subscribe_metrics=bool(self.can_subscribe_metrics),
            can_manage_agent_session=bool(self.can_manage_agent_session),
            hidden=self.hidden,
            recorder=self.recorder,
            agent=self.agent,
        )

    def with_permission(self, permission: Permission) -> VideoGrant:
        """The grant that a fresh token carries after rights were changed."""
        return VideoGrant(
            room_create=self.room_create,
            room_list=self.room_list,
            room_record=self.room_record,
            room_admin=self.room_admin,
            room_join=self.room_join,
            room=self.room,
            can_publish=permission.can_publish,
            can_subscribe=permission.can_subscribe,
            can_publish_data=permission.can_publish_data,
            can_publish_sources=tuple(sorted(permission.can_publish_sources)),
            can_update_own_metadata=permission.can_update_metadata,
            can_subscribe_metrics=permission.can_subscribe_metrics,
            can_manage_agent_session=permission.can_manage_agent_session,
            ingress_admin=self.ingress_admin,
            hidden=permission.hidden,
            recorder=permission.recorder,
            agent=permission.agent,
            destination_room=self.destination_room,
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """A whole token's meaning. Times are seconds since 1970."""

    identity: str = ""
    name: str = ""
    kind: str = "standard"
    kind_details: tuple[str, ...] = ()
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    video: VideoGrant = field(default_factory=VideoGrant)
    agent_admin: bool = False
    """Claim `agent.admin`: may register as an agent worker."""
    room_config: Mapping[str, object] = field(default_factory=dict[str, object])
    """Claim `roomConfig`, as it came (LiveKit's RoomConfiguration in JSON)."""
    sha256: str = ""
    """Claim `sha256` of webhooks: of the body, in base64."""
    issuer: str = ""
    """The API key."""
    not_before_s: int | None = None
    """`nbf`, or else `iat`; None when the token says neither."""
    expires_s: int = 0
    fingerprint: str = ""
    """SHA-256 of what was signed, hexadecimal: names this very token, and cannot be varied without the key."""
