//! Why a connection ends: codes (RFC 6455 §7.4 and IANA's registry) and reasons.
use super::utf8::Utf8;

/// A peer broke the protocol: the connection is closed with that code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// 1002
    #[error("{0}")]
    Protocol(&'static str),
    /// 1007
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// 1009
    #[error("the message is too large")]
    TooLarge,
}

impl Fault {
    /// The close code.
    pub fn code(self) -> u16 {
        match self {
            Self::Protocol(_) => CloseReason::PROTOCOL,
            Self::NotUtf8 => CloseReason::NOT_UTF8,
            Self::TooLarge => CloseReason::TOO_LARGE,
        }
    }
}

/// What a close frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// `NO_CODE` when the frame was empty.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: String,
}

impl CloseReason {
    /// All is done.
    pub const NORMAL: u16 = 1000;
    /// A page is left.
    pub const GOING_AWAY: u16 = 1001;
    /// A peer broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// Stands for a close frame without a code; never sent.
    pub const NO_CODE: u16 = 1005;
    /// Stands for a connection that ended without a close frame; never sent.
    pub const ABNORMAL: u16 = 1006;
    /// Text was not UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// Against a rule of the server's.
    pub const POLICY: u16 = 1008;
    /// A message was too large.
    pub const TOO_LARGE: u16 = 1009;
    /// The server failed.
    pub const INTERNAL: u16 = 1011;
    /// The server restarts: come again.
    pub const RESTART: u16 = 1012;

    /// Whether an endpoint may send that code.
    pub fn may_be_sent(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Reads a close frame's payload.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Fault> {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return if payload.is_empty() {
                let code = Self::NO_CODE;
                Ok(Self {
                    code,
                    reason: String::new(),
                })
            } else {
                Err(Fault::Protocol("half a close code"))
            };
        };
        let code = u16::from_be_bytes(*code);
        if !Self::may_be_sent(code) {
            return Err(Fault::Protocol("a close code that nobody may send"));
        }
        if !Utf8::is_whole(reason) {
            return Err(Fault::NotUtf8);
        }
        let reason = String::from_utf8_lossy(reason).into_owned();
        Ok(Self { code, reason })
    }
}
