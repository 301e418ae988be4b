"""Offers, fragments and Link headers as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offers import SIMULCAST, offer

from roomful.core.errors import Invalid
from roomful.edge.whip import wire
from roomful.edge.whip.wire import Section


def test_an_offer_tells_its_sections() -> None:
    read = wire.read_offer(offer(more=SIMULCAST))
    assert read.ufrag == "EsAw"
    sound, picture = read.media()
    assert (sound.kind, sound.mid, sound.sends, sound.receives) == ("audio", "0", True, False)
    assert (sound.stream, sound.track) == ("stream-1", "voice-1")
    assert picture.rids == ("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=0\r\ns=-\r\n",
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n",
        offer() + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * wire.MAX_SECTIONS,
    ],
)
def test_what_is_no_offer_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        wire.read_offer(text)
    assert refused.value.code == "sdp_invalid"


def qualities(*rids: str, heights: tuple[int, ...] = ()) -> dict[str, int]:
    section = Section("video", "1", rids=rids, heights=heights or (0,) * len(rids))
    return {layer.rid: layer.quality for layer in wire.layers(section)}


def test_layers_find_their_place() -> None:
    assert qualities("q", "h", "f") == {"q": 0, "h": 1, "f": 2}
    assert qualities("f", "h", "q") == {"q": 0, "h": 1, "f": 2}
    assert qualities("h", "m", "l") == {"l": 0, "m": 1, "h": 2}
    assert qualities("low", "high") == {"low": 0, "high": 2}
    # RFC 8853 §5.2, as OBS does it: the first is what is wanted most.
    assert qualities("0", "1", "2") == {"0": 2, "1": 1, "2": 0}
    assert qualities("0", "1", "2", heights=(180, 720, 360)) == {"0": 0, "2": 1, "1": 2}
    assert qualities("only") == {"only": 2}
    assert qualities() == {}


def test_an_offers_layers_have_their_heights_and_alternatives_count_once() -> None:
    more = "a=rid:x send pt=96;max-width=640;max-height=360\na=rid:y send\na=rid:z recv\na=simulcast:send ~x,w;y;z\n"
    section = wire.read_offer(offer(more=more)).media()[1]
    assert section.rids == ("x", "y")
    assert section.heights == (360, 0)


FRAGMENT = (
    "a=ice-ufrag:new4\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 X 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n"
)


def test_a_fragment_holds_credentials_and_candidates() -> None:
    read = wire.read_fragment(FRAGMENT + "a=candidate:2 1 udp 1 192.0.2.1 6 typ host\r\n" * 100)
    assert (read.ufrag, read.pwd) == ("new4", "0123456789012345678901")
    assert read.candidates[0] == "candidate:1 1 udp 1 192.0.2.1 5 typ host"
    assert len(read.candidates) == wire.MAX_CANDIDATES


@pytest.mark.parametrize("text", ["", "a=mid:0", FRAGMENT.replace("new4", "n"), FRAGMENT.replace("0123456789", "")])
def test_a_fragment_without_credentials_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        wire.read_fragment(text)
    assert refused.value.code == "fragment_invalid"


def test_a_restart_is_the_same_offer_with_other_credentials() -> None:
    before = offer(more="a=candidate:9 1 udp 1 192.0.2.9 9 typ host\n")
    after = wire.with_credentials(before, wire.read_fragment(FRAGMENT))
    assert wire.read_offer(after).sections == wire.read_offer(before).sections
    assert after.count("a=ice-ufrag:new4\r\n") == 2
    assert "a=ice-ufrag:EsAw" not in after
    assert "192.0.2.9" not in after


def test_our_fragment_names_each_candidate_once() -> None:
    candidate = "a=candidate:1 1 udp 1 192.0.2.1 7882 typ host\r\n"
    answer = offer("recvonly").replace("a=mid:0\r\n", "a=mid:0\r\n" + candidate) + candidate
    told = wire.fragment_of(answer, wire.read_offer(offer()))
    assert told.count("a=candidate:") == 1
    assert wire.read_fragment(told).ufrag == "EsAw"
    assert told.startswith("a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n")


def test_an_answer_that_leaves_a_section_out_is_seen() -> None:
    whole = offer("recvonly")
    assert wire.refused_sections(whole) == ()
    assert wire.refused_sections(whole.replace("m=video 9", "m=video 0")) == ("1",)
    assert wire.refused_sections(offer("inactive")) == ("0", "1")


def test_links_are_one_for_each_url_and_quote_what_is_odd() -> None:
    servers = [
        {"urls": ["stun:a.example:1"]},
        {"urls": ["turn:a.example:1?transport=udp", "turns:a.example:2"], "username": 'x"\r\ny', "credential": "p\\w"},
    ]
    stun, turn, turns = wire.ice_links(servers)
    assert stun == '<stun:a.example:1>; rel="ice-server"'
    assert turn.startswith('<turn:a.example:1?transport=udp>; rel="ice-server"; username="x\\"y"; credential="p\\\\w"')
    assert turns.startswith("<turns:a.example:2>")


@given(st.text(alphabet=st.sampled_from("v=0m\r\na:-idcesulonpwfrg 19~;,{}é"), max_size=400))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for read in (wire.read_offer, wire.read_fragment):
        try:
            read("v=0\n" + text)
        except Invalid:
            continue
    wire.refused_sections(text)


@given(st.lists(st.text(max_size=6), max_size=3, unique=True), st.lists(st.integers(0, 5000), min_size=3, max_size=3))
def test_every_layer_keeps_its_rid_and_none_shares_a_quality(rids: list[str], heights: list[int]) -> None:
    found = wire.layers(Section("video", "1", rids=tuple(rids), heights=tuple(heights[: len(rids)])))
    assert sorted(layer.rid for layer in found) == sorted(rids)
    assert len({layer.quality for layer in found}) == len(found)
