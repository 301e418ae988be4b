"""Tracks: what is announced, what is known of it, and how somebody looks at it (pure values)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One quality of a video track: 0 low, 1 medium, 2 high."""

    quality: int
    width: int = 0
    height: int = 0
    bitrate_bps: int = 0
    ssrc: int = 0
    spatial: int = 0
    rid: str = ""


@dataclass(frozen=True, slots=True)
class TrackCodec:
    """A codec a track is sent in; more than one when it carries a backup."""

    codec: str
    """`vp8`, `opus` …; empty until it is known."""
    cid: str
    mid: str = ""
    layers: tuple[Layer, ...] = ()
    layer_mode: int = 0
    """LiveKit's VideoLayer.Mode."""
    sdp_cid: str = ""


@dataclass(frozen=True, slots=True)
class AddTrack:
    """What a client says of a track it is about to send."""

    cid: str
    kind: str
    """`audio` or `video`"""
    name: str = ""
    source: str = "unknown"
    width: int = 0
    height: int = 0
    muted: bool = False
    layers: tuple[Layer, ...] = ()
    codecs: tuple[TrackCodec, ...] = ()
    sid: str = ""
    """An existing track that gains a codec."""
    stereo: bool = False
    disable_dtx: bool = False
    disable_red: bool = False
    encryption: int = 0
    """LiveKit's Encryption.Type."""
    stream: str = ""
    backup_policy: int = 0
    features: tuple[int, ...] = ()
    """LiveKit's AudioTrackFeature numbers."""
    trailer_features: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """A published track as everybody sees it."""

    sid: str
    kind: str
    name: str
    source: str
    muted: bool
    width: int
    height: int
    codecs: tuple[TrackCodec, ...]
    layers: tuple[Layer, ...]
    mime: str
    """`video/VP8`, `audio/opus`; empty until bound."""
    mid: str
    stereo: bool
    disable_dtx: bool
    disable_red: bool
    encryption: int
    stream: str
    backup_policy: int
    features: tuple[int, ...]
    trailer_features: tuple[int, ...]
    version: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """How somebody looks at a track: what an allocator may save."""

    paused: bool = False
    quality: int = 2
    width: int = 0
    height: int = 0
    fps: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class DataTrackSpec:
    """What a client says of a data track (LiveKit data tracks)."""

    handle: int
    name: str
    encryption: int = 0
    frame_encoding: bytes | None = None
    """The message DataTrackFrameEncoding as it came."""
    schema: bytes | None = None
    """The message DataTrackSchemaId as it came."""


@dataclass(frozen=True, slots=True)
class DataTrack:
    """A published data track."""

    sid: str
    spec: DataTrackSpec
