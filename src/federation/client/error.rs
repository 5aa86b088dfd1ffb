//! Why a request has no answer.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a request has no answer. The text names the host and the step, and nothing else of
/// the request; of what the provider sent, it repeats nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the URL cannot be requested")]
    Url,
    #[error("a header cannot be sent")]
    Header,
    #[error("looking up {0}: {1}")]
    LookUp(String, io::Error),
    #[error("{0} leads to no address that requests may go to")]
    Inside(String),
    #[error("connecting to {0}: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("TLS with {0}: {1}")]
    Tls(String, String),
    #[error("sending the request: {0}")]
    Send(String),
    #[error("receiving the answer: {0}")]
    Receive(String),
    #[error("the answer is compressed")]
    Compressed,
    #[error("the time ran out while {0}")]
    TimedOut(Doing),
}

/// A step that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Waiting,
    LookingUp,
    Connecting,
    Opening,
    Exchanging,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "other requests to the host were under way",
            Self::LookingUp => "looking up the host",
            Self::Connecting => "connecting",
            Self::Opening => "setting up TLS",
            Self::Exchanging => "sending the request or receiving the answer",
        })
    }
}
