//! What can go wrong for a test's client.

use sftp::{DecodeError, Reply, RequestId};

/// Why a step of the client failed.
#[derive(Debug)]
pub enum Error {
    /// Nothing happened for too long.
    Deadline {
        /// What was waited for.
        what: &'static str,
    },
    /// No such login.
    Refused {
        /// Who tried.
        user: String,
    },
    /// The server refused a channel request.
    ChannelRefused,
    /// The server closed the channel, or the connection ended.
    Closed,
    /// The server sent what is not SFTP.
    Malformed(DecodeError),
    /// A reply of another kind, or to another request, than the test asked for.
    Unexpected {
        /// The id that came; none for VERSION.
        id: Option<RequestId>,
        /// What came.
        reply: Option<Box<Reply>>,
    },
    /// The SSH layer failed.
    Ssh(russh::Error),
    /// The TCP layer failed.
    Tcp(std::io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deadline { what } => write!(f, "{what}: the deadline passed"),
            Self::Refused { user } => write!(f, "log in as {user}: refused"),
            Self::ChannelRefused => write!(f, "the channel request was refused"),
            Self::Closed => write!(f, "the channel is closed"),
            Self::Malformed(error) => write!(f, "{error}"),
            Self::Unexpected { id, reply } => write!(f, "unexpected reply to {id:?}: {reply:?}"),
            Self::Ssh(error) => write!(f, "{error}"),
            Self::Tcp(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<russh::Error> for Error {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Tcp(error)
    }
}
