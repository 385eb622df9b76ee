//! The one place where kinds of errors become SSH_FX codes and texts.

use model::ErrorKind;
use sftp::{Status, StatusCode};

/// The status of a failed verb. Clients act on the number: 2 means "not there" to all of them, 3
/// "not allowed", 4 anything else, "exists already" and "not empty" included.
pub(super) fn of(error: &gateway::Error) -> Status {
    Status::new(code(error.kind()), error.to_string().into_bytes())
}

pub(super) fn code(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotFound => StatusCode::NoSuchFile,
        ErrorKind::Denied => StatusCode::PermissionDenied,
        ErrorKind::Unsupported => StatusCode::OpUnsupported,
        // CONNECTION_LOST and NO_CONNECTION are a client's own words about its connection.
        ErrorKind::Conflict
        | ErrorKind::Invalid
        | ErrorKind::Exhausted
        | ErrorKind::Unavailable
        | ErrorKind::Internal => StatusCode::Failure,
    }
}

/// A request that is understood and not offered.
pub(super) fn unsupported(what: &str) -> Status {
    Status::new(
        StatusCode::OpUnsupported,
        format!("{what} is not supported").into_bytes(),
    )
}

/// A handle that is none of this session.
pub(super) fn bad_handle() -> Status {
    Status::new(
        StatusCode::Failure,
        &b"the handle is not open in this session"[..],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_code() {
        for (kind, wire) in [
            (ErrorKind::NotFound, 2),
            (ErrorKind::Denied, 3),
            (ErrorKind::Conflict, 4),
            (ErrorKind::Invalid, 4),
            (ErrorKind::Exhausted, 4),
            (ErrorKind::Unavailable, 4),
            (ErrorKind::Unsupported, 8),
            (ErrorKind::Internal, 4),
        ] {
            let error = gateway::Error::new(kind, "remove /a: something");
            let status = of(&error);
            assert_eq!(status.code.to_wire(), wire, "{kind}");
            assert_eq!(status.message, "remove /a: something");
        }
    }
}
