"""Claims of a token ↔ Grant, each checked for its type. Names are LiveKit's (protocol/auth/grants.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from roomful.auth.grant import Grant, VideoGrant
from roomful.core.errors import Unauthenticated

_FLAGS = {
    "roomCreate": "room_create",
    "roomList": "room_list",
    "roomRecord": "room_record",
    "roomAdmin": "room_admin",
    "roomJoin": "room_join",
    "ingressAdmin": "ingress_admin",
    "hidden": "hidden",
    "recorder": "recorder",
    "agent": "agent",
}
_CHOICES = {
    "canPublish": "can_publish",
    "canSubscribe": "can_subscribe",
    "canPublishData": "can_publish_data",
    "canUpdateOwnMetadata": "can_update_own_metadata",
    "canSubscribeMetrics": "can_subscribe_metrics",
    "canManageAgentSession": "can_manage_agent_session",
}
_TEXTS = {"room": "room", "destinationRoom": "destination_room"}
KINDS = ("standard", "ingress", "egress", "sip", "agent", "connector", "bridge")


def grant_of(claims: Mapping[str, object]) -> Grant:
    """Raises Unauthenticated when a claim has the wrong type: a grant is never guessed."""
    kind = _text(claims, "kind") or "standard"
    if kind not in KINDS:
        raise Unauthenticated("the token's `kind` is unknown")
    identity = _text(claims, "sub") or _text(claims, "jti")
    begins = claims.get("nbf") if claims.get("nbf") is not None else claims.get("iat")
    return Grant(
        identity=identity,
        name=_text(claims, "name"),
        kind=kind,
        kind_details=_texts(claims, "kindDetails"),
        metadata=_text(claims, "metadata"),
        attributes=_attributes(claims),
        video=_video(_mapping(claims, "video")),
        agent_admin=_flag(_mapping(claims, "agent"), "admin"),
        room_config=_mapping(claims, "roomConfig"),
        sha256=_text(claims, "sha256"),
        issuer=_text(claims, "iss"),
        not_before_s=int(begins) if isinstance(begins, int | float) else None,
        expires_s=int(cast("float", claims.get("exp", 0))),
    )


def claims_of(grant: Grant) -> dict[str, object]:
    """Without times and issuer; what is empty is left out."""
    video: dict[str, object] = {}
    for claim, field in (_FLAGS | _TEXTS).items():
        if value := getattr(grant.video, field):
            video[claim] = value
    for claim, field in _CHOICES.items():
        if (choice := getattr(grant.video, field)) is not None:
            video[claim] = choice
    if grant.video.can_publish_sources:
        video["canPublishSources"] = list(grant.video.can_publish_sources)
    claims: dict[str, object] = {
        "sub": grant.identity,
        "name": grant.name,
        "kind": grant.kind if grant.kind != "standard" else "",
        "kindDetails": list(grant.kind_details),
        "metadata": grant.metadata,
        "attributes": dict(grant.attributes),
        "video": video,
        "agent": {"admin": True} if grant.agent_admin else {},
        "roomConfig": dict(grant.room_config),
        "sha256": grant.sha256,
    }
    return {claim: value for claim, value in claims.items() if value}


def _video(claims: Mapping[str, object]) -> VideoGrant:
    fields: dict[str, object] = {field: _flag(claims, claim) for claim, field in _FLAGS.items()}
    fields |= {field: _choice(claims, claim) for claim, field in _CHOICES.items()}
    fields |= {field: _text(claims, claim) for claim, field in _TEXTS.items()}
    fields["can_publish_sources"] = tuple(source.lower() for source in _texts(claims, "canPublishSources"))
    return VideoGrant(**fields)  # type: ignore[arg-type]


def _choice(claims: Mapping[str, object], claim: str) -> bool | None:
    value = claims.get(claim)
    if value is not None and not isinstance(value, bool):
        raise Unauthenticated(f"the token's `{claim}` is neither true nor false")
    return value


def _flag(claims: Mapping[str, object], claim: str) -> bool:
    return bool(_choice(claims, claim))


def _text(claims: Mapping[str, object], claim: str) -> str:
    value = claims.get(claim)
    if value is None:
        return ""
    if not isinstance(value, str) or not _whole(value):
        raise Unauthenticated(f"the token's `{claim}` is not text")
    return value


def _whole(text: str) -> bool:
    """JSON lets half a surrogate pair through; no wire carries it."""
    return not any(0xD800 <= ord(letter) < 0xE000 for letter in text)


def _texts(claims: Mapping[str, object], claim: str) -> tuple[str, ...]:
    value = claims.get(claim)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(
        isinstance(one, str) and _whole(one) for one in cast("list[object]", value)
    ):
        raise Unauthenticated(f"the token's `{claim}` is not a list of texts")
    return tuple(cast("list[str]", value))


def _mapping(claims: Mapping[str, object], claim: str) -> dict[str, object]:
    value = claims.get(claim)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unauthenticated(f"the token's `{claim}` is not an object")
    return cast("dict[str, object]", value)


def _attributes(claims: Mapping[str, object]) -> dict[str, str]:
    given = _mapping(claims, "attributes")
    if not all(isinstance(value, str) and _whole(key) and _whole(value) for key, value in given.items()):
        raise Unauthenticated("the token's `attributes` are not texts")
    return cast("dict[str, str]", given)
