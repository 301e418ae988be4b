"""Tracks: announced, bound to media, muted, changed, ended. Called by `core.room` only."""

from __future__ import annotations

from dataclasses import replace

from roomful.core.commands import Bind, Demand, Mute, Publish, Sync, Unpublish, UpdateTrack
from roomful.core.effects import AnnounceTrack, EndTrack, MuteTrack, TrackPublished, TrackUnpublished
from roomful.core.events import DemandChanged, Muted, Published, Unpublished
from roomful.core.occupant import Occupant, Publication
from roomful.core.state import RoomState
from roomful.core.subscribing import forget_track, offer_new
from roomful.core.track import AddTrack, Layer, Track, TrackCodec

_MIME = {
    "opus": "audio/opus",
    "red": "audio/red",
    "pcmu": "audio/PCMU",
    "pcma": "audio/PCMA",
    "vp8": "video/VP8",
    "vp9": "video/VP9",
    "h264": "video/H264",
    "h265": "video/H265",
    "av1": "video/AV1",
}
"""As SDP and LiveKit's TrackInfo write them."""


_RIDS = {"q": 0, "h": 1, "f": 2}
"""What LiveKit's clients call low, medium and high."""


def mime_of(codec: str, kind: str) -> str:
    """`vp8` → `video/VP8`; empty stays empty."""
    return _MIME.get(codec.lower(), f"{kind}/{codec}") if codec else ""


def publish(state: RoomState, command: Publish) -> None:
    """A client says what it is about to send."""
    publisher, add = state.occupants[command.participant], command.add
    if problem := _problem(state, publisher, add):
        state.refuse(publisher.sid, command, *problem)
        return
    if add.sid:
        publication = publisher.publications[add.sid]
        publication.track = _with_codecs(publication.track, add.codecs)
    else:
        publication = next(
            (one for one in publisher.publications.values() if not one.bound and _cid(one.track) == add.cid), None
        ) or _announce(state, publisher, command)
    state.do(AnnounceTrack(publisher.sid, publication.track, add))
    state.say((publisher.sid,), Published(add.cid, publication.track))


def _announce(state: RoomState, publisher: Occupant, command: Publish) -> Publication:
    add = command.add
    track = Track(
        sid=command.track,
        kind=add.kind,
        name=add.name,
        source=add.source,
        muted=add.muted,
        width=add.width,
        height=add.height,
        codecs=add.codecs or (TrackCodec("", add.cid, layers=add.layers),),
        layers=add.layers,
        mime=mime_of(add.codecs[0].codec if add.codecs else "", add.kind),
        mid="",
        stereo=add.stereo,
        disable_dtx=add.disable_dtx,
        disable_red=add.disable_red,
        encryption=add.encryption,
        stream=add.stream,
        backup_policy=add.backup_policy,
        features=add.features,
        trailer_features=add.trailer_features,
    )
    publication = Publication(publisher.sid, track)
    publisher.publications[track.sid] = publication
    state.publications[track.sid] = publication
    return publication


def _problem(state: RoomState, publisher: Occupant, add: AddTrack) -> tuple[str, str] | None:
    policy = state.policy
    if not publisher.snapshot.permission.allows_source(add.source):
        return "not_allowed", f"may not publish {add.source}"
    if add.kind not in ("audio", "video"):
        return "invalid", "a track is audio or video"
    if not add.cid:
        return "invalid", "a track needs the client's id of it"
    if add.sid and add.sid not in publisher.publications:
        return "not_found", "no such track"
    if not add.sid and len(publisher.publications) >= policy.max_tracks:
        return "limit_exceeded", f"at most {policy.max_tracks} tracks"
    codecs = {one.codec for one in add.codecs}
    if add.sid:
        codecs |= {one.codec for one in publisher.publications[add.sid].track.codecs}
    layers = (add.layers, *(one.layers for one in add.codecs))
    if len(codecs) > policy.max_layers or any(len(one) > policy.max_layers for one in layers):
        return "limit_exceeded", f"at most {policy.max_layers} codecs and layers"
    if len(add.name.encode()) > policy.max_name or len(add.stream.encode()) > policy.max_name:
        return "limit_exceeded", f"a track's name has at most {policy.max_name} bytes"
    return None


def _cid(track: Track) -> str:
    return track.codecs[0].cid


def _with_codecs(track: Track, codecs: tuple[TrackCodec, ...]) -> Track:
    """Codecs of the same name are replaced, others added."""
    merged = {one.codec: one for one in track.codecs}
    for one in codecs:
        merged[one.codec] = one
    return replace(track, codecs=tuple(merged.values()), version=track.version + 1)


def bind(state: RoomState, command: Bind) -> None:
    """Media has a section: now the others learn of the track."""
    publication = state.publications.get(command.track)
    if publication is None:
        return
    publisher = state.occupants[publication.publisher]
    publication.track = _bound(publication.track, command)
    first, publication.bound = not publication.bound, True
    publisher.refresh_tracks()
    state.tell_changed(publisher, to_itself=False)
    if first:
        offer_new(state, publication)
        state.do(TrackPublished(state.info, publisher.snapshot, publication.track))
        state.recount()


def _bound(track: Track, command: Bind) -> Track:
    """The codec's section is known; the first codec bound gives the track its mid and mime."""
    codecs = list(track.codecs)
    at = next((i for i, one in enumerate(codecs) if one.codec == command.codec), None)
    if at is None:
        at = next((i for i, one in enumerate(codecs) if not one.mid), len(codecs) - 1)
    layers = _with_rids(codecs[at].layers or track.layers, command.rids)
    codecs[at] = replace(codecs[at], codec=command.codec, mid=command.mid, layers=layers)
    if track.mid and at != 0:
        return replace(track, codecs=tuple(codecs), version=track.version + 1)
    return replace(
        track,
        codecs=tuple(codecs),
        layers=layers,
        mid=command.mid,
        mime=mime_of(command.codec, track.kind),
        version=track.version + 1,
    )


def _with_rids(layers: tuple[Layer, ...], rids: tuple[str, ...]) -> tuple[Layer, ...]:
    """LiveKit's own names tell the quality; others stand for it in the engine's order, lowest first."""
    if all(rid in _RIDS for rid in rids):
        names = {_RIDS[rid]: rid for rid in rids}
    else:
        names = dict(zip(sorted({layer.quality for layer in layers}), rids, strict=False))
    return tuple(replace(layer, rid=layer.rid or names.get(layer.quality, "")) for layer in layers)


def unpublish(state: RoomState, command: Unpublish) -> None:
    publication = state.publications.get(command.track)
    if publication is None or (command.by is not None and command.by != publication.publisher):
        state.refuse(command.by, command, "track_not_found", "no such track")
        return
    end(state, publication, tell_publisher=False)


def end(state: RoomState, publication: Publication, *, tell_publisher: bool) -> None:
    """The track is gone for everybody."""
    publisher = state.occupants[publication.publisher]
    sid = publication.track.sid
    del publisher.publications[sid]
    del state.publications[sid]
    forget_track(state, publication)
    state.do(EndTrack(sid))
    if tell_publisher:
        state.say((publisher.sid,), Unpublished(sid))
    if publication.bound:
        publisher.refresh_tracks()
        state.tell_changed(publisher, to_itself=False)
        state.do(TrackUnpublished(state.info, publisher.snapshot, publication.track))
        state.recount()


def revoke(state: RoomState, publisher: Occupant) -> None:
    """Ends what its permission no longer allows."""
    for publication in list(publisher.publications.values()):
        if not publisher.snapshot.permission.allows_source(publication.track.source):
            end(state, publication, tell_publisher=True)


def mute(state: RoomState, command: Mute) -> None:
    publication = state.publications.get(command.track)
    if publication is None or (command.by is not None and command.by != publication.publisher):
        state.refuse(command.by, command, "track_not_found", "no such track")
        return
    if command.by is None and not command.muted and not state.policy.remote_unmute:
        state.refuse(None, command, "remote_unmute_disabled", "nobody may be unmuted by force here")
        return
    if publication.track.muted == command.muted:
        return
    publication.track = replace(publication.track, muted=command.muted, version=publication.track.version + 1)
    state.do(MuteTrack(command.track, command.muted))
    if command.by is None:
        state.say((publication.publisher,), Muted(command.track, command.muted))
    _tell(state, publication)


def sync(state: RoomState, command: Sync) -> None:
    """Tracks that wait for their media count, too: the client will offer them."""
    publisher = state.occupants[command.participant]
    tracks, data_tracks = publisher.publications.keys(), publisher.data_publications.keys()
    if not tracks >= set(command.tracks) or not data_tracks >= set(command.data_tracks):
        state.refuse(publisher.sid, command, "state_mismatch", "what the client believes is not so")


def update_track(state: RoomState, command: UpdateTrack) -> None:
    publication = state.publications.get(command.track)
    if publication is None or (command.by is not None and command.by != publication.publisher):
        state.refuse(command.by, command, "track_not_found", "no such track")
        return
    track = publication.track
    features = track.features if command.features is None else tuple(sorted(set(command.features)))[:16]
    changed = replace(
        track,
        features=features,
        width=track.width if command.width is None else command.width,
        height=track.height if command.height is None else command.height,
    )
    if changed != track:
        publication.track = replace(changed, version=track.version + 1)
        _tell(state, publication)


def _tell(state: RoomState, publication: Publication) -> None:
    if publication.bound:
        publisher = state.occupants[publication.publisher]
        publisher.refresh_tracks()
        state.tell_changed(publisher)


def demand(state: RoomState, command: Demand) -> None:
    """Dynacast: the publisher may stop what nobody watches."""
    if publication := state.publications.get(command.track):
        state.say((publication.publisher,), DemandChanged(command.track, command.codecs))
