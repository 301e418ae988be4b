//! Fuzz functions: plain, so that tests run them for a while and cargo-fuzz for long. None may panic or grow without bound.
use crate::framing::{frame, Frame};
use crate::message::Message;

/// Any bytes as a message.
pub fn message(bytes: &[u8]) {
    if let Ok(message) = Message::read(bytes) {
        let _ = message.attributes().count();
        let _ = message.xor_address(crate::attribute::XOR_PEER_ADDRESS);
        let _ = message.is_sealed_by(&crate::message::Keys::new(b"key"));
    }
}

/// Any bytes as a stream.
pub fn stream(mut bytes: &[u8]) {
    while let Frame::Whole { length, taken } = frame(bytes) {
        message(bytes.get(..length).unwrap_or_default());
        bytes = bytes.get(taken..).unwrap_or_default();
    }
}
