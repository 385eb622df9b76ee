//! What went wrong with one attempt: what the store answered, or that it did not.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use model::ErrorKind;

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    /// What is said of it, fit for clients.
    pub(super) reason: String,
    /// Whether another attempt may fare better.
    pub(super) transient: bool,
    /// Whether the request may have taken effect nevertheless.
    pub(super) lost: bool,
    /// How long the store asks to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// HTTP status, where there was an answer.
    pub(super) status: Option<u16>,
    /// What the store said, for the log.
    pub(super) cause: Box<Reply>,
}

/// What the store said, or what kept it from answering.
#[derive(Debug)]
pub(super) struct Reply {
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    text: String,
}

impl Reply {
    /// S3's error code.
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "status {status}")?,
            None => f.write_str("no answer")?,
        }
        if let Some(code) = &self.code {
            write!(f, ", code {code}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request id {id}")?;
        }
        write!(f, ": {}", self.text)
    }
}

impl StdError for Reply {}

impl Failure {
    /// An attempt that did not end in time. The request may have arrived.
    pub(super) fn deadline(limit: Duration) -> Self {
        Self::unanswered(
            format!("the store did not answer within {limit:?}"),
            "the attempt was abandoned at its deadline".to_owned(),
            true,
        )
    }

    /// A store that acknowledged something else than what was sent.
    pub(super) fn checksum(sent: &str, stored: &str) -> Self {
        Self::unanswered(
            "the store says that it has other bytes than were sent".to_owned(),
            format!("CRC64NVME {sent} was sent, {stored} was acknowledged"),
            true,
        )
    }

    /// An answer that lacks what it must have.
    pub(super) fn incomplete(what: &str) -> Self {
        Self::unanswered(
            format!("the store's answer has no {what}"),
            "the answer does not follow the S3 API".to_owned(),
            true,
        )
    }

    fn unanswered(reason: String, text: String, lost: bool) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            reason,
            transient: true,
            lost,
            retry_after: None,
            status: None,
            cause: Box::new(Reply {
                status: None,
                code: None,
                request_id: None,
                text,
            }),
        }
    }

    fn refused(code: Option<&str>, message: Option<&str>, answer: &HttpResponse) -> Self {
        let status = answer.status().as_u16();
        let verdict = Verdict::of(status, code);
        let header = |name| answer.headers().get(name).map(str::to_owned);
        Self {
            kind: verdict.kind,
            reason: verdict.reason.to_owned(),
            transient: verdict.transient,
            lost: verdict.lost,
            retry_after: header("retry-after")
                .and_then(|seconds| seconds.trim().parse().ok())
                .map(Duration::from_secs),
            status: Some(status),
            cause: Box::new(Reply {
                status: Some(status),
                code: code.map(str::to_owned),
                request_id: header("x-amz-request-id"),
                text: message.unwrap_or("(no message)").to_owned(),
            }),
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(answer) => {
                let meta = answer.err().meta();
                // Without a message of the store's, what the SDK could not read.
                let unread = || DisplayErrorContext(answer.err()).to_string();
                let message = meta.message().map_or_else(unread, str::to_owned);
                return Self::refused(meta.code(), Some(&message), answer.raw());
            }
            // Behind it, a refusal whose text was no XML: a proxy's, mostly.
            SdkError::ResponseError(answer) if !answer.raw().status().is_success() => {
                let text = DisplayErrorContext(&error).to_string();
                return Self::refused(None, Some(&text), answer.raw());
            }
            _ => {}
        }
        let text = DisplayErrorContext(&error).to_string();
        if has_no_credentials(&error) || text.contains("credentials provider") {
            let mut failure = Self::unanswered(
                "the gateway has no credentials for this store".to_owned(),
                text,
                false,
            );
            failure.transient = false;
            return failure;
        }
        match &error {
            SdkError::ConstructionFailure(_) => Self {
                kind: ErrorKind::Internal,
                transient: false,
                ..Self::unanswered("the request could not be made".to_owned(), text, false)
            },
            SdkError::ResponseError(_) => {
                Self::unanswered("the store's answer broke off".to_owned(), text, true)
            }
            _ if never_connected(&error) => {
                Self::unanswered("the store cannot be reached".to_owned(), text, false)
            }
            _ => Self::unanswered("the connection to the store broke".to_owned(), text, true),
        }
    }
}

/// Whether nobody could sign it, so that nothing was sent.
fn has_no_credentials(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<CredentialsError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether the attempt ended before a connection stood, so that nothing was sent.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return http.is_connect();
        }
        next = error.source();
    }
    false
}

/// What an answer means for us.
struct Verdict {
    kind: ErrorKind,
    reason: &'static str,
    transient: bool,
    lost: bool,
}

impl Verdict {
    /// Refused for good; nothing changed.
    const fn refused(kind: ErrorKind, reason: &'static str) -> Self {
        Self {
            kind,
            reason,
            transient: false,
            lost: false,
        }
    }

    /// Turned away before it was looked at.
    const fn later(reason: &'static str) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            reason,
            transient: true,
            lost: false,
        }
    }

    /// The code says more than the status: it is S3's own, a bare status may be a proxy's.
    fn of(status: u16, code: Option<&str>) -> Self {
        code.and_then(Self::of_code)
            .unwrap_or_else(|| Self::of_status(status))
    }

    /// Codes of the S3 API reference, "Error responses".
    fn of_code(code: &str) -> Option<Self> {
        use ErrorKind::{Conflict, Denied, Exhausted, Invalid, NotFound, Unavailable, Unsupported};
        Some(match code {
            "NoSuchKey" | "NoSuchVersion" => Self::refused(NotFound, "there is no such object"),
            "NoSuchUpload" => Self::refused(NotFound, "there is no such upload"),
            "NoSuchBucket" => Self::refused(Unavailable, "the bucket does not exist"),
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => {
                Self::refused(Denied, "the store denies it to the gateway's credentials")
            }
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken" => {
                Self::refused(
                    Denied,
                    "the store does not accept the gateway's credentials",
                )
            }
            "RequestTimeTooSkewed" => Self::refused(Denied, "the gateway's clock is wrong"),
            "PreconditionFailed" => Self::refused(Conflict, "its condition does not hold"),
            "ConditionalRequestConflict" => Self::refused(Conflict, "another write got in between"),
            "OperationAborted" => Self {
                kind: Conflict,
                ..Self::later("another operation is under way")
            },
            "EntityTooLarge" | "QuotaExceeded" | "XMinioStorageFull" => {
                Self::refused(Exhausted, "the store takes no more")
            }
            "EntityTooSmall" => Self::refused(Invalid, "a part is too small"),
            "InvalidPart" | "InvalidPartOrder" => Self::refused(Invalid, "the parts do not match"),
            "KeyTooLongError" => Self::refused(Invalid, "the key is too long"),
            "InvalidRange" => Self::refused(Invalid, "the range lies outside the object"),
            "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" => {
                Self::later("the bytes arrived damaged")
            }
            "RequestTimeout" => Self::later("the bytes arrived too slowly"),
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "TooManyRequestsException"
            | "BandwidthLimitExceeded"
            | "ServiceUnavailable" => Self::later("the store is overloaded"),
            "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed" => {
                Self::refused(
                    Unavailable,
                    "the bucket is in another region than configured",
                )
            }
            "NotImplemented" | "MethodNotAllowed" => {
                Self::refused(Unsupported, "the store does not offer it")
            }
            _ => return None,
        })
    }

    fn of_status(status: u16) -> Self {
        match status {
            404 => Self::refused(ErrorKind::NotFound, "there is no such object"),
            401 | 403 => Self::refused(
                ErrorKind::Denied,
                "the store denies it to the gateway's credentials",
            ),
            409 | 412 => Self::refused(ErrorKind::Conflict, "its condition does not hold"),
            405 | 501 => Self::refused(ErrorKind::Unsupported, "the store does not offer it"),
            413 | 507 => Self::refused(ErrorKind::Exhausted, "the store takes no more"),
            429 => Self::later("the store is overloaded"),
            400..=499 => Self::refused(ErrorKind::Invalid, "the store refuses the request"),
            300..=399 => Self::refused(
                ErrorKind::Unavailable,
                "the bucket is at another address than configured",
            ),
            // What was done until then nobody says; a 200 whose body is an error is one of these.
            _ => Self {
                lost: true,
                ..Self::later("the store failed")
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_server_error_may_have_taken_effect_and_throttling_has_not() {
        assert!(Verdict::of(500, Some("InternalError")).lost);
        assert!(Verdict::of(503, None).lost);
        assert!(!Verdict::of(503, Some("SlowDown")).lost);
        assert!(Verdict::of(503, Some("SlowDown")).transient);
    }

    #[test]
    fn the_code_wins_over_the_status() {
        assert_eq!(
            Verdict::of(404, Some("NoSuchBucket")).kind,
            ErrorKind::Unavailable
        );
        assert_eq!(
            Verdict::of(404, Some("NoSuchUpload")).kind,
            ErrorKind::NotFound
        );
        assert_eq!(
            Verdict::of(400, Some("ExpiredToken")).kind,
            ErrorKind::Denied
        );
        assert_eq!(
            Verdict::of(400, Some("EntityTooLarge")).kind,
            ErrorKind::Exhausted
        );
        assert_eq!(
            Verdict::of(200, Some("InternalError")).kind,
            ErrorKind::Unavailable
        );
        assert_eq!(Verdict::of(418, None).kind, ErrorKind::Invalid);
    }
}
