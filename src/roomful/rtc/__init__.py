"""WebRTC for Python programs: `RTCPeerConnection` and its data channels, on the same Rust as the server.

W3C's names, aiortc's habits. Called by programs, bots and the client; never imports the server.
"""

from roomful.rtc.channel import RTCDataChannel, RTCDataChannelParameters
from roomful.rtc.connection import RTCPeerConnection
from roomful.rtc.description import RTCConfiguration, RTCIceCandidate, RTCIceServer, RTCSessionDescription
from roomful.rtc.errors import (
    ConnectionFailed,
    InvalidAccessError,
    InvalidModificationError,
    InvalidStateError,
    OperationError,
    RtcError,
    SessionDescriptionError,
)
from roomful.rtc.events import Event

__all__ = [
    "ConnectionFailed",
    "Event",
    "InvalidAccessError",
    "InvalidModificationError",
    "InvalidStateError",
    "OperationError",
    "RTCConfiguration",
    "RTCDataChannel",
    "RTCDataChannelParameters",
    "RTCIceCandidate",
    "RTCIceServer",
    "RTCPeerConnection",
    "RTCSessionDescription",
    "RtcError",
    "SessionDescriptionError",
]
