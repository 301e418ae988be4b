"""What a participant may do, and who may receive what it publishes (pure values)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Permission:
    """Rights in a room, made of a Grant at the door and changed by whoever administers the room."""

    can_subscribe: bool = True
    can_publish: bool = True
    can_publish_data: bool = True
    can_publish_sources: frozenset[str] = frozenset()
    """Empty allows every source: `camera`, `microphone`, `screen_share`, `screen_share_audio`."""
    can_update_metadata: bool = False
    can_subscribe_metrics: bool = False
    can_manage_agent_session: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False

    def allows_source(self, source: str) -> bool:
        """Whether a track of this source may be published."""
        return self.can_publish and (not self.can_publish_sources or source in self.can_publish_sources)


@dataclass(frozen=True, slots=True)
class TrackRule:
    """One subscriber and what of a publisher it may receive."""

    identity: str = ""
    participant: str = ""
    all_tracks: bool = False
    tracks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SubscriptionRules:
    """A publisher's word on who may receive its tracks."""

    everyone: bool = True
    rules: tuple[TrackRule, ...] = field(default=())
