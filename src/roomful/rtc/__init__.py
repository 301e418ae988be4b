"""WebRTC for Python programs: `RTCPeerConnection`, its data channels, sound and video, on the same Rust as the server.

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
from roomful.rtc.media import EncodedFrame, MediaStreamTrack, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from roomful.rtc.sources import AudioSource, VideoSource

__all__ = [
    "AudioSource",
    "ConnectionFailed",
    "EncodedFrame",
    "Event",
    "InvalidAccessError",
    "InvalidModificationError",
    "InvalidStateError",
    "MediaStreamTrack",
    "OperationError",
    "RTCConfiguration",
    "RTCDataChannel",
    "RTCDataChannelParameters",
    "RTCIceCandidate",
    "RTCIceServer",
    "RTCPeerConnection",
    "RTCRtpReceiver",
    "RTCRtpSender",
    "RTCRtpTransceiver",
    "RTCSessionDescription",
    "RtcError",
    "SessionDescriptionError",
    "VideoSource",
]
