"""One WHIP or WHEP session, sans-IO: which ICE session it is in, and what a PATCH asks of it.

Made by `endpoint` once somebody is in the room and has an answer. It holds no room, clock or socket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from roomful.core.errors import Invalid
from roomful.core.track import Layer, Track, View
from roomful.edge.whip.wire import Fragment, Offer, fragment_of, with_credentials

ANY = "*"


@dataclass(frozen=True, slots=True)
class Trickle:
    """More of the client's candidates."""

    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """The engine shall answer this offer: the old one with other credentials."""

    offer: Offer
    candidates: tuple[str, ...]


@dataclass(slots=True)
class Session:
    """`new_tag` makes entity-tags; nobody can guess them or `id`."""

    id: str
    kind: str
    """`whip` or `whep`"""
    room: str
    """The room's name, as in the path."""
    room_sid: str
    participant: str
    """`PA_…`"""
    address: str
    """Whose bound it counts for."""
    token: str
    """Fingerprint of the token it was made with."""
    offer: Offer
    new_tag: Callable[[], str]
    tag: str = ""
    active: bool = False
    """Media is up."""
    audio: Track | None = None
    video: Track | None = None
    """What a viewer is sent."""

    def __post_init__(self) -> None:
        self.tag = self.tag or self.new_tag()

    @property
    def path(self) -> str:
        return f"/{self.kind}/{quote(self.room, safe='')}/{self.id}"

    @property
    def etag(self) -> str:
        """A strong entity-tag: it names the ICE session (RFC 9725 §4.3.1)."""
        return f'"{self.tag}"'

    def patch(self, if_match: str | None, fragment: Fragment) -> Trickle | Restart:
        """Raises Invalid (`precondition_required`, `precondition_failed`)."""
        if if_match is None:
            raise Invalid(
                "If-Match must name the ICE session, or be * for an ICE restart", code="precondition_required"
            )
        tags = {one.strip() for one in if_match.split(",")}
        if ANY not in tags and self.etag not in tags:
            raise Invalid("this is no longer the ICE session", code="precondition_failed")
        if (fragment.ufrag, fragment.pwd) == (self.offer.ufrag, self.offer.pwd):
            return Trickle(fragment.candidates)
        sdp = with_credentials(self.offer.sdp, fragment)
        return Restart(replace(self.offer, sdp=sdp, ufrag=fragment.ufrag, pwd=fragment.pwd), fragment.candidates)

    def restarted(self, offer: Offer, answer: str) -> str:
        """The engine answered: the fragment for the client. The entity-tag is another from now on."""
        self.offer = offer
        self.tag = self.new_tag()
        return fragment_of(answer, offer)


def layers_told(track: Track, mid_index: int) -> dict[str, list[dict[str, object]]]:
    """Data of the event `layers`: what there is to choose from, best first, by the place of its `m=` line."""
    told: list[dict[str, object]] = []
    for layer in sorted(_layers(track), key=lambda one: -one.quality):
        entry: dict[str, object] = {"rid": layer.rid or str(layer.quality)}
        if layer.width:
            entry["width"] = layer.width
        if layer.height:
            entry["height"] = layer.height
        if layer.bitrate_bps:
            entry["targetBitrate"] = layer.bitrate_bps
        told.append(entry)
    return {str(mid_index): told}


def _layers(track: Track) -> tuple[Layer, ...]:
    return track.codecs[0].layers if track.codecs and track.codecs[0].layers else track.layers


def view_of(wish: dict[str, object], track: Track) -> View:
    """What a POST to the layer resource wants; an empty wish is the server's own choice. Raises Invalid (`layer_not_found`)."""
    rid, limit = wish.get("rid", wish.get("encodingId")), wish.get("maxHeight")
    found = _layers(track)
    if rid is not None:
        chosen = next((one for one in found if (one.rid or str(one.quality)) == rid), None)
        if chosen is None:
            raise Invalid("there is no such layer", code="layer_not_found")
        return View(quality=chosen.quality)
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        fitting = [one.quality for one in found if one.height and one.height <= limit]
        return View(quality=max(fitting, default=0))
    return View()
