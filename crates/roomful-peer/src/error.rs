//! Why something that was asked of a peer was not done. `code` is stable: Python makes W3C's error names of it.
use roomful_rtc::sdp::{AnswerError, SdpError};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Not now: the signaling state forbids it, or the peer is closed.
    #[error("{0}")]
    State(String),
    /// A description or a candidate that cannot be read.
    #[error("{0}")]
    Syntax(String),
    /// A description of ours that was changed after it was made.
    #[error("{0}")]
    Modified(String),
    /// A description that can be read but not be used.
    #[error("{0}")]
    Unacceptable(String),
    /// A wrong argument.
    #[error("{0}")]
    Argument(String),
    /// The system's word.
    #[error("{0}")]
    Os(String),
}

impl PeerError {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            PeerError::State(_) => "invalid_state",
            PeerError::Syntax(_) => "syntax",
            PeerError::Modified(_) => "invalid_modification",
            PeerError::Unacceptable(_) => "invalid_access",
            PeerError::Argument(_) => "argument",
            PeerError::Os(_) => "os",
        }
    }

    pub(crate) fn state(text: impl Into<String>) -> Self {
        PeerError::State(text.into())
    }
}

impl From<SdpError> for PeerError {
    fn from(error: SdpError) -> Self {
        PeerError::Syntax(error.to_string())
    }
}

impl From<AnswerError> for PeerError {
    fn from(error: AnswerError) -> Self {
        PeerError::Unacceptable(error.to_string())
    }
}
