"""Chat in LiveKit's words: what is read of packets, what is written, and that neither falls over anything."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.models import DataPacket, DataStream

from roomful.core.chat import MAX_TEXT, Message
from roomful.edge.livekit.chat import CHUNK, LiveKitChat
from roomful.ports.chat import Opened, Part, Said

WIRE = LiveKitChat()


def packet(**value: object) -> bytes:
    return DataPacket(participant_identity="ada", **value).SerializeToString()  # type: ignore[arg-type]


def header(**fields: object) -> DataStream.Header:
    return DataStream.Header(stream_id="s", topic="lk.chat", mime_type="text/plain", **fields)  # type: ignore[arg-type]


def test_chat_messages_are_posts_edits_and_deletions() -> None:
    one = DataPacket(participant_identity="ada")
    one.chat_message.id, one.chat_message.message = "m", "hello"
    assert WIRE.read(one.SerializeToString()) == Said("post", "m", "ada", "hello")
    one.destination_identities.append("bob")
    assert WIRE.read(one.SerializeToString()) == Said("post", "m", "ada", "hello", to=("bob",))
    one.chat_message.edit_timestamp = 7
    assert WIRE.read(one.SerializeToString()) == Said("edit", "m", "ada", "hello", to=("bob",))
    one.chat_message.deleted = True
    assert WIRE.read(one.SerializeToString()) == Said("delete", "m", "ada", "hello", to=("bob",))


def test_text_streams_begin_go_on_and_end() -> None:
    text = DataStream.TextHeader(reply_to_stream_id="first")
    assert WIRE.read(packet(stream_header=header(text_header=text))) == Opened(
        "s", Said("post", "s", "ada", "", "first")
    )
    assert WIRE.read(packet(stream_chunk=DataStream.Chunk(stream_id="s", content=b"hi"))) == Part("s", b"hi")
    assert WIRE.read(packet(stream_trailer=DataStream.Trailer(stream_id="s"))) == Part("s", b"", ends=True)
    broken = DataStream.Trailer(stream_id="s", reason="interrupted")
    assert WIRE.read(packet(stream_trailer=broken)) == Part("s", b"", ends=True, broken=True)


def test_a_reaction_is_about_the_message_that_it_answers() -> None:
    text = DataStream.TextHeader(operation_type=DataStream.OperationType.REACTION, reply_to_stream_id="m")
    assert WIRE.read(packet(stream_header=header(text_header=text))) == Opened("s", Said("react", "m", "ada"))


def test_a_short_stream_in_one_packet() -> None:
    whole = header(text_header=DataStream.TextHeader(), inline_content=b"hello")
    assert WIRE.read(packet(stream_header=whole)) == Said("post", "s", "ada", "hello")
    squeezed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = squeezed.compress(b"hello") + squeezed.flush()
    whole = header(text_header=DataStream.TextHeader(), inline_content=content, compression=1)
    assert WIRE.read(packet(stream_header=whole)) == Said("post", "s", "ada", "hello")
    bomb = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = bomb.compress(b"a" * 10_000_000) + bomb.flush()
    said = WIRE.read(packet(stream_header=header(inline_content=content, compression=1)))
    assert isinstance(said, Said) and len(said.text) == MAX_TEXT + 1
    said = WIRE.read(packet(stream_header=header(inline_content=b"\xff\xff", compression=1)))
    assert isinstance(said, Said) and said.text == ""


def test_what_is_no_chat() -> None:
    assert WIRE.read(b"\xff\xff") is None
    assert WIRE.read(b"") is None
    user = DataPacket()
    user.user.payload = b"x"
    assert WIRE.read(user.SerializeToString()) is None
    other = DataStream.Header(stream_id="s", topic="other")
    assert WIRE.read(packet(stream_header=other)) is None
    assert WIRE.read(packet(stream_header=header(byte_header=DataStream.ByteHeader(name="cat.png")))) is None


def heard(packets: list[bytes]) -> Iterator[Said]:
    """What a client makes of packets."""
    opened: dict[str, tuple[Said, bytes]] = {}
    for one in packets:
        match WIRE.read(one):
            case Said() as said:
                yield said
            case Opened(stream, said):
                opened[stream] = (said, b"")
            case Part(stream, content, ends):
                said, before = opened[stream]
                opened[stream] = (said, before + content)
                # Each part is text by itself.
                content.decode()
                if ends:
                    yield Said(said.kind, said.id, said.sender, (before + content).decode(), said.reply_to)
            case None:
                raise AssertionError("not chat")


@given(
    st.sampled_from(["post", "edit"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    st.integers(1, 2000),
)
def test_what_is_written_is_read_alike_both_ways(kind: str, text: str, times: int) -> None:
    said = Said(kind, "m", "ada", text * times, "first" if kind == "post" else "")
    packets = WIRE.write(said, "PA_ada", 1, changed=kind == "edit")
    found = list(heard(packets))
    assert found[-1] == said
    short = len(said.text.encode()) <= CHUNK
    assert len(found) == (2 if short else 1)
    if short:
        assert found[0] == Said(kind, "m", "ada", said.text)
    assert all(len(one) < CHUNK + 200 for one in packets)


def test_deletions_and_reactions_are_written_where_there_are_words_for_them() -> None:
    assert list(heard(WIRE.write(Said("delete", "m", "ada"), "PA", 1, changed=False))) == [Said("delete", "m", "ada")]
    reaction = Said("react", "m", "ada", "👍", "m")
    (found,) = heard(WIRE.write(reaction, "PA", 1, changed=False))
    assert found == Said("react", "m", "ada", "👍")


def test_the_pages_own_packet() -> None:
    state = DataPacket.FromString(
        WIRE.state(Message("m", "room", "ada", "Ada", "hi", 1, seq=4, reactions={"👍": ("bob",)}))
    )
    assert state.user.topic == "roomful.chat" and '"reactions": {"👍": ["bob"]}' in state.user.payload.decode()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_not(data: bytes) -> None:
    WIRE.read(data)
