"""Our SRTP against libsrtp, packet by packet: what one end protects the other opens, and the bytes are the same.

Ours is `crates/roomful-rtc/examples/srtp_tool.rs`, spoken to by lines; theirs is pylibsrtp.
"""

import json
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pylibsrtp
import pytest
from pylibsrtp import Policy, Session

ROOT = Path(__file__).resolve().parents[2]
SSRC = 0x1234_5678


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    theirs: int
    key: int
    salt: int


PROFILES = [
    Profile("aes128-gcm", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    Profile("aes256-gcm", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    Profile("aes128-cm-sha1-80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
]


class Refused(Exception):
    """Our end refused a packet."""


class Tool:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, *words: object) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().rstrip("\n")
        if answer.startswith("error "):
            raise Refused(answer.removeprefix("error "))
        return answer

    def seal(self, index: int, packet: bytes) -> bytes:
        return bytes.fromhex(self.ask("seal", index, packet.hex()))

    def open(self, packet: bytes) -> tuple[int, bytes]:
        index, plain = self.ask("open", packet.hex()).split(" ")
        return int(index), bytes.fromhex(plain)

    def seal_rtcp(self, packet: bytes) -> bytes:
        return bytes.fromhex(self.ask("seal-rtcp", packet.hex()))

    def open_rtcp(self, packet: bytes) -> bytes:
        return bytes.fromhex(self.ask("open-rtcp", packet.hex()))


@dataclass(frozen=True, slots=True)
class Ends:
    """Ours, a sender of theirs with our peer's keys, and their receiver of what we send."""

    tool: Tool
    sender: Session
    receiver: Session
    twin: Session
    """A sender of theirs with our own keys."""


@pytest.fixture(scope="session")
def executable() -> str:
    if shutil.which("cargo") is None:
        pytest.skip("needs cargo")
    command = "cargo build --locked --quiet --profile quick -p roomful-rtc --example srtp_tool --message-format json"
    built = subprocess.run(command.split(), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    [path] = [message["executable"] for message in messages if message.get("executable")]
    return path


@pytest.fixture(params=PROFILES, ids=lambda profile: profile.name)
def ends(request: pytest.FixtureRequest, executable: str) -> Iterator[Ends]:
    profile: Profile = request.param
    chance = random.Random(profile.name)
    (client, server), (client_salt, server_salt) = (
        [chance.randbytes(length) for _ in range(2)] for length in (profile.key, profile.salt)
    )

    def session(key: bytes, direction: int) -> Session:
        return Session(Policy(key=key, ssrc_type=direction, srtp_profile=profile.theirs))

    with subprocess.Popen([executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        tool = Tool(process)
        assert tool.ask("keys", profile.name, (client + server + client_salt + server_salt).hex()) == "ok"
        yield Ends(
            tool,
            session(client + client_salt, Policy.SSRC_ANY_OUTBOUND),
            session(server + server_salt, Policy.SSRC_ANY_INBOUND),
            session(server + server_salt, Policy.SSRC_ANY_OUTBOUND),
        )


def rtp(chance: random.Random, sequence: int, ssrc: int = SSRC) -> bytes:
    """With every shape of header: CSRCs, extensions in either form or neither, an empty payload now and then."""
    csrcs = chance.choice([0, 0, 1, 15])
    extension = chance.choice([None, None, 0xBEDE, 0x1000])
    first = 0x80 | csrcs | (0x10 if extension else 0)
    header = struct.pack("!BBHII", first, chance.randrange(256), sequence, chance.getrandbits(32), ssrc)
    header += chance.randbytes(4 * csrcs)
    if extension:
        words = chance.randrange(6)
        header += struct.pack("!HH", extension, words) + chance.randbytes(4 * words)
    return header + chance.randbytes(chance.choice([0, 1, 15, 16, 17, chance.randrange(1_200)]))


def rtcp(chance: random.Random) -> bytes:
    words = chance.randrange(1, 60)
    return struct.pack("!BBHI", 0x80, chance.choice([200, 201, 205, 206]), words, SSRC) + chance.randbytes(
        4 * (words - 1)
    )


def flipped(chance: random.Random, packet: bytes) -> bytes:
    """A bit behind the fixed header; in an extension's length it makes the packet malformed."""
    at = chance.randrange(12, len(packet))
    return packet[:at] + bytes([packet[at] ^ 1 << chance.randrange(8)]) + packet[at + 1 :]


def indices(chance: random.Random) -> list[int]:
    """Across two rollovers, with losses and packets that changed places."""
    rising = sorted({*range(65_400, 65_650), *chance.sample(range(65_650, 131_000), 300), *range(131_000, 131_200)})
    kept = [index for index in rising if chance.random() > 0.1]
    for at in range(0, len(kept) - 1, 7):
        if kept[at + 1] - kept[at] < 100:  # their window holds 128
            kept[at], kept[at + 1] = kept[at + 1], kept[at]
    return kept


def test_what_we_protect_they_open(ends: Ends) -> None:
    chance = random.Random(1)
    for index in indices(chance):
        packet = rtp(chance, index & 0xFFFF)
        sealed = ends.tool.seal(index, packet)
        with pytest.raises(pylibsrtp.Error):
            ends.receiver.unprotect(flipped(chance, sealed))
        assert ends.receiver.unprotect(sealed) == packet
        with pytest.raises(pylibsrtp.Error):
            ends.receiver.unprotect(sealed)


def test_what_they_protect_we_open(ends: Ends) -> None:
    chance = random.Random(2)
    for index in indices(chance):
        packet = rtp(chance, index & 0xFFFF)
        sealed = ends.sender.protect(packet)
        with pytest.raises(Refused, match=r"authentication failed|malformed"):
            ends.tool.open(flipped(chance, sealed))
        assert ends.tool.open(sealed) == (index, packet)
        with pytest.raises(Refused, match="replayed"):
            ends.tool.open(sealed)


def test_with_the_same_keys_both_write_the_same_bytes(ends: Ends) -> None:
    chance = random.Random(3)
    for stream in range(1, 6):
        for index in range(65_530, 65_545):
            packet = rtp(chance, index & 0xFFFF, ssrc=stream)
            assert ends.tool.seal(index, packet) == ends.twin.protect(packet)


def test_rtcp_goes_both_ways_once(ends: Ends) -> None:
    chance = random.Random(4)
    for _ in range(200):
        packet = rtcp(chance)
        ours, theirs = ends.tool.seal_rtcp(packet), ends.sender.protect_rtcp(packet)
        with pytest.raises(Refused, match=r"authentication failed|unencrypted|replayed"):
            ends.tool.open_rtcp(flipped(chance, theirs))
        with pytest.raises(pylibsrtp.Error):
            ends.receiver.unprotect_rtcp(flipped(chance, ours))
        assert ends.receiver.unprotect_rtcp(ours) == packet
        assert ends.tool.open_rtcp(theirs) == packet
        with pytest.raises(Refused, match="replayed"):
            ends.tool.open_rtcp(theirs)
        with pytest.raises(pylibsrtp.Error):
            ends.receiver.unprotect_rtcp(ours)
