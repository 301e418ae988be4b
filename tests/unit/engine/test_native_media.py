"""The media engine as Python sees it: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import pytest

from roomful._native import media


@pytest.fixture
def engine():
    engine = media.Engine(addresses=["127.0.0.1"])
    yield engine
    engine.close()


def test_every_command_is_known_and_wants_fields(engine: media.Engine) -> None:
    for name in media.COMMANDS:
        with pytest.raises(ValueError, match=f"^{name}: the field \\w+ is missing"):
            engine.send(name, {})
    with pytest.raises(ValueError, match="no command"):
        engine.send("open_sesame", {})


def test_wrong_values_are_told_by_field(engine: media.Engine) -> None:
    with pytest.raises(TypeError, match="mute: muted"):
        engine.send("mute", {"track": "TR_1", "muted": "yes"})
    with pytest.raises(ValueError, match="one of reliable, lossy, track"):
        engine.send("send_data", {"room": "RM_1", "kind": "loud", "packet": b"", "to": []})
    with pytest.raises(ValueError, match="too short"):
        engine.send(
            "open_transport",
            {
                "participant": "PA_1",
                "transport": "TP_1",
                "role": "single",
                "tcp_only": False,
                "credentials": ("a", "b"),
            },
        )
    with pytest.raises(ValueError, match="hold"):
        engine.send("decide", {"room": "RM_1", "hold": -1, "verdict": True})


def test_a_closed_engine_is_dead() -> None:
    engine = media.Engine(addresses=["127.0.0.1"])
    engine.close()
    engine.close()
    for call in (engine.drain, engine.ports, lambda: engine.send("open_room", {"room": "RM_1"})):
        with pytest.raises(media.EngineError) as caught:
            call()
        assert caught.value.code == "engine_dead"


def test_what_cannot_start_says_why() -> None:
    with pytest.raises(media.EngineError) as caught:
        media.Engine(addresses=["localhost"])
    assert caught.value.code == "config"
    first = media.Engine(addresses=["127.0.0.1"])
    try:
        taken = next(port for protocol, _, port in first.ports() if protocol == "udp")
        with pytest.raises(media.EngineError) as caught:
            media.Engine(addresses=["127.0.0.1"], udp_port=taken)
        assert caught.value.code == "port_taken"
    finally:
        first.close()
