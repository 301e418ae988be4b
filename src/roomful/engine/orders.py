"""A room's orders in the router's words. Pure; used by `engine.adapter` only."""

from __future__ import annotations

from typing import Any, assert_never

from roomful.core.effects import (
    AddMember,
    AnnounceDataTrack,
    AnnounceTrack,
    ChangeView,
    EndDataTrack,
    EndTrack,
    HideTrack,
    LimitVoices,
    MediaOrder,
    MoveMember,
    MuteTrack,
    Receive,
    ReceiveData,
    RemoveMember,
    SetRights,
    ShowTrack,
    StopReceiving,
    StopReceivingData,
)
from roomful.core.track import Layer, TrackCodec, View

_MANY_LAYERS_PER_STREAM = 2
"""LiveKit's VideoLayer.Mode: MULTIPLE_SPATIAL_LAYERS_PER_STREAM."""
_SIMULCAST = 1
"""LiveKit's BackupCodecPolicy.SIMULCAST: several codecs at once."""
_SCREENS = ("screen_share", "screen_share_audio")

Fields = dict[str, Any]


def native_order(room: str, order: MediaOrder) -> tuple[str, Fields]:
    """(command, its fields)"""
    match order:
        case AddMember():
            return "add_participant", {
                "room": room,
                "participant": order.participant,
                "identity": order.identity,
                "subscribe": order.subscribe,
                "publish_data": order.publish_data,
                "hidden": order.hidden,
                "agent": order.agent,
            }
        case SetRights():
            return "set_rights", {
                "participant": order.participant,
                "subscribe": order.subscribe,
                "publish_data": order.publish_data,
                "hidden": order.hidden,
                "agent": order.agent,
            }
        case RemoveMember():
            return "remove_participant", {"participant": order.participant}
        case MoveMember():
            return "move_participant", {"participant": order.participant, "room": room}
        case LimitVoices():
            return "limit_voices", {"room": room, "count": order.count}
        case ShowTrack():
            return "show", {"track": order.track, "room": room}
        case HideTrack():
            return "hide", {"track": order.track, "room": room}
        case AnnounceTrack():
            return "publish", {"participant": order.participant, "spec": track_spec(order)}
        case EndTrack():
            return "unpublish", {"track": order.track}
        case MuteTrack():
            return "mute", {"track": order.track, "muted": order.muted}
        case Receive():
            return "subscribe", {
                "participant": order.participant,
                "track": order.track,
                "settings": settings(order.view),
            }
        case StopReceiving():
            return "unsubscribe", {"participant": order.participant, "track": order.track}
        case ChangeView():
            return "view", {"participant": order.participant, "track": order.track, "settings": settings(order.view)}
        case AnnounceDataTrack():
            return "publish_data_track", {
                "participant": order.participant,
                "track": order.track,
                "handle": order.handle,
            }
        case EndDataTrack():
            return "unpublish_data_track", {"track": order.track}
        case ReceiveData():
            return "subscribe_data_track", {
                "participant": order.participant,
                "track": order.track,
                "handle": order.handle,
            }
        case StopReceivingData():
            return "unsubscribe_data_track", {"participant": order.participant, "track": order.track}
        case _:
            assert_never(order)


def track_spec(order: AnnounceTrack) -> Fields:
    """`TrackSpec` of the router."""
    track, add = order.track, order.add
    return {
        "track": track.sid,
        "kind": track.kind,
        "codecs": [(one.codec, one.cid, _layered(one)) for one in track.codecs or (TrackCodec("", add.cid),)],
        "layers": [_layer(one) for one in track.layers or (track.codecs[0].layers if track.codecs else ())],
        "muted": track.muted,
        "stereo": track.stereo,
        "dtx": not track.disable_dtx,
        "red": not track.disable_red,
        "encrypted": track.encryption != 0,
        "screen": track.source in _SCREENS,
        "one_codec": track.backup_policy != _SIMULCAST,
    }


def _layered(codec: TrackCodec) -> bool:
    if codec.layer_mode:
        return codec.layer_mode == _MANY_LAYERS_PER_STREAM
    return codec.codec in ("vp9", "av1")


def _layer(layer: Layer) -> tuple[int, int, int, int, str]:
    return layer.quality, layer.width, layer.height, layer.bitrate_bps, layer.rid


def settings(view: View) -> Fields:
    """`ViewSettings` of the router."""
    return {
        "paused": view.paused,
        "quality": view.quality,
        "width": view.width,
        "height": view.height,
        "fps": view.fps,
        "priority": view.priority,
    }
