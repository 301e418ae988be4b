"""What WHIP and WHEP carry: SDP offers, ICE fragments (RFC 8840), Link headers. Pure text in, values out; bounded.

Called by `session` and `endpoint`. The engine reads offers again and decides them; here only what rooms must know is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roomful.core.errors import Invalid
from roomful.core.track import Layer

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
MAX_SDP = 128 * 1024
"""Bytes of an offer or a fragment. Browsers' have 5–15 KiB."""
MAX_SECTIONS = 16
MAX_CANDIDATES = 64
"""Of one fragment; the rest is passed over, since candidates are hints."""
MAX_LAYERS = 3
"""Simulcast layers of one section, as the engine takes them."""
_LOW_TO_HIGH = {
    "q": 0, "h": 1, "f": 2, "l": 0, "m": 1, "low": 0, "mid": 1, "medium": 1, "med": 1, "high": 2, "hi": 2, "hd": 2, "full": 2,
}  # fmt: skip
"""Names that tell their place; `h` alone is half in q, h, f and high in l, m, h."""


@dataclass(frozen=True, slots=True)
class Section:
    """One `m=` line of an offer."""

    kind: str
    """`audio`, `video` or another word of SDP's"""
    mid: str
    direction: str = "sendrecv"
    stream: str = ""
    track: str = ""
    """Of `a=msid`; empty when there is none."""
    rids: tuple[str, ...] = ()
    """Simulcast layers that are sent, in the offer's order."""
    heights: tuple[int, ...] = ()
    """`max-height` of each; 0 where nothing is said."""

    @property
    def sends(self) -> bool:
        return self.direction in ("sendonly", "sendrecv")

    @property
    def receives(self) -> bool:
        return self.direction in ("recvonly", "sendrecv")


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer, and what rooms must know of it."""

    sdp: str
    sections: tuple[Section, ...]
    ufrag: str
    pwd: str

    def media(self) -> tuple[Section, ...]:
        return tuple(one for one in self.sections if one.kind in ("audio", "video"))


@dataclass(frozen=True, slots=True)
class Fragment:
    """The body of a PATCH. `candidates` are as `candidate:…`."""

    ufrag: str
    pwd: str
    candidates: tuple[str, ...] = ()


def read_offer(text: str) -> Offer:
    """Raises Invalid (`sdp_invalid`)."""
    if not text.lstrip("\r\n").startswith("v=0"):
        raise _no_sdp("the body is no SDP: it must begin with v=0")
    top: list[str] = []
    parts: list[list[str]] = []
    for line in _lines(text):
        if line.startswith("m="):
            parts.append([])
        (parts[-1] if parts else top).append(line)
    if not parts:
        raise _no_sdp("the offer has no m= line")
    if len(parts) > MAX_SECTIONS:
        raise _no_sdp(f"an offer has at most {MAX_SECTIONS} m= lines")
    ufrag, pwd = _value("ice-ufrag", text), _value("ice-pwd", text)
    if not ufrag or not pwd:
        raise _no_sdp("the offer has no a=ice-ufrag or no a=ice-pwd")
    session = next((word for word in _DIRECTIONS if f"a={word}" in top), "sendrecv")
    return Offer(text, tuple(_section(lines, session) for lines in parts), ufrag, pwd)


_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


def _section(lines: Sequence[str], direction: str) -> Section:
    kind = lines[0][2:].split(" ", 1)[0]
    mid = stream = track = ""
    rids: dict[str, int] = {}
    listed: list[str] = []
    for line in lines[1:]:
        name, _, value = line[2:].partition(":") if line.startswith("a=") else ("", "", "")
        if name in _DIRECTIONS and not value:
            direction = name
        elif name == "mid":
            mid = value.strip()
        elif name == "msid":
            stream, _, track = value.strip().partition(" ")
        elif name == "rid":
            words = value.split()
            if len(words) >= 2 and words[1] == "send":
                rids[words[0]] = _height(words[2] if len(words) > 2 else "")
        elif name == "simulcast":
            listed = _simulcast(value)
    sent = tuple(rid for rid in listed if rid in rids)[:MAX_LAYERS]
    return Section(
        kind,
        mid,
        direction,
        "" if stream == "-" else stream,
        track.strip(),
        sent,
        tuple(rids[rid] for rid in sent),
    )


def _simulcast(value: str) -> list[str]:
    """RFC 8853 §5.1: layers are split by `;`, alternatives by `,`, and `~` marks one that begins paused."""
    words = value.split()
    for way, streams in pairwise(words):
        if way == "send":
            return [layer.split(",")[0].lstrip("~") for layer in streams.split(";")]
    return []


def _height(restrictions: str) -> int:
    for one in restrictions.split(";"):
        name, _, value = one.partition("=")
        if name == "max-height" and value.isascii() and value.isdigit() and len(value) < 6:
            return int(value)
    return 0


def layers(section: Section) -> tuple[Layer, ...]:
    """Which rid is which quality, lowest first.

    By `max-height` where the offer has it, else by names that say so, else the first is the best (RFC 8853 §5.2: layers are
    listed in order of preference).
    """
    rids = section.rids
    if not rids:
        return ()
    if all(section.heights) and len(set(section.heights)) == len(rids):
        order = sorted(rids, key=lambda rid: section.heights[rids.index(rid)])
    elif set(rids) == {"l", "m", "h"}:
        order = ["l", "m", "h"]
    elif len({_LOW_TO_HIGH.get(rid.lower(), rid) for rid in rids}) == len(rids) and all(
        rid.lower() in _LOW_TO_HIGH for rid in rids
    ):
        order = sorted(rids, key=lambda rid: _LOW_TO_HIGH[rid.lower()])
    else:
        order = list(reversed(rids))
    # Two layers are low and high: a client that wants the best asks for 2.
    qualities = (0, 1, 2) if len(order) == 3 else (0, 2) if len(order) == 2 else (2,)
    heights = dict(zip(rids, section.heights, strict=True))
    return tuple(Layer(quality, height=heights[rid], rid=rid) for quality, rid in zip(qualities, order, strict=True))


def refused_sections(answer: str) -> tuple[str, ...]:
    """mids of audio and video sections that an answer rejects or leaves idle."""
    out: list[str] = []
    part: list[str] = []
    for line in [*_lines(answer), "m=end"]:
        if line.startswith("m="):
            if part and part[0].split(" ")[0] in ("m=audio", "m=video"):
                words = part[0].split(" ")
                if (len(words) > 1 and words[1] == "0" and "a=bundle-only" not in part) or "a=inactive" in part:
                    out.append(next((one[6:] for one in part if one.startswith("a=mid:")), ""))
            part = []
        part.append(line)
    return tuple(out)


def read_fragment(text: str) -> Fragment:
    """Raises Invalid (`fragment_invalid`)."""
    ufrag, pwd = _value("ice-ufrag", text), _value("ice-pwd", text)
    if not ufrag or not pwd:
        raise Invalid("the fragment has no a=ice-ufrag or no a=ice-pwd", code="fragment_invalid")
    if not 4 <= len(ufrag) <= 256 or not 22 <= len(pwd) <= 256:
        raise Invalid("ice-ufrag has 4 to 256 characters, ice-pwd 22 to 256", code="fragment_invalid")
    found = [line[2:] for line in _lines(text) if line.startswith("a=candidate:")]
    return Fragment(ufrag, pwd, tuple(found[:MAX_CANDIDATES]))


def with_credentials(sdp: str, fragment: Fragment) -> str:
    """The same offer after an ICE restart: other credentials, other candidates."""
    out: list[str] = []
    for line in _lines(sdp):
        if line.startswith("a=ice-ufrag:"):
            out.append(f"a=ice-ufrag:{fragment.ufrag}")
        elif line.startswith("a=ice-pwd:"):
            out.append(f"a=ice-pwd:{fragment.pwd}")
        elif not line.startswith(("a=candidate:", "a=end-of-candidates")):
            out.append(line)
    return "\r\n".join(out) + "\r\n"


def fragment_of(answer: str, offer: Offer) -> str:
    """Our side of an ICE restart (RFC 9725 §4.3.3), under the first section of the bundle."""
    lines = list(_lines(answer))
    group = next((line for line in lines if line.startswith("a=group:BUNDLE")), "")
    first = next((line for line in lines if line.startswith("m=")), "m=audio 9 UDP/TLS/RTP/SAVPF 0")
    out = ["a=ice-lite"] if "a=ice-lite" in lines else []
    out += [group] if group else []
    out += [first, f"a=mid:{offer.sections[0].mid}"]
    out += [f"a=ice-ufrag:{_value('ice-ufrag', answer)}", f"a=ice-pwd:{_value('ice-pwd', answer)}"]
    # Every section repeats them.
    out += list(dict.fromkeys(line for line in lines if line.startswith("a=candidate:")))
    return "\r\n".join([*out, "a=end-of-candidates"]) + "\r\n"


def ice_links(servers: Iterable[Mapping[str, object]]) -> list[str]:
    """Values of `Link` for STUN and TURN servers (RFC 9725 §4.6), from W3C's RTCIceServer."""
    out: list[str] = []
    for server in servers:
        urls = server.get("urls")
        for url in urls if isinstance(urls, list) else [urls]:  # pyright: ignore[reportUnknownVariableType]
            link = f'<{url}>; rel="ice-server"'
            if username := server.get("username"):
                link += (
                    f'; username="{_quoted(str(username))}"; credential="{_quoted(str(server.get("credential", "")))}"'
                    '; credential-type="password"'
                )
            out.append(link)
    return out


def _quoted(text: str) -> str:
    """For a quoted-string of a header (RFC 9110 §5.6.4); what no header may hold is left out."""
    plain = "".join(c for c in text if " " <= c <= "~")
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.replace("\r\n", "\n").split("\n") if line)


def _value(name: str, text: str) -> str:
    """Of the first `a=name:`; empty when there is none."""
    start = f"a={name}:"
    return next((line[len(start) :].strip() for line in _lines(text) if line.startswith(start)), "")


def _no_sdp(message: str) -> Invalid:
    return Invalid(message, code="sdp_invalid")
