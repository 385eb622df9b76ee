//! Why a question was not answered, in words for the log.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::transport::is_too_long;
use crate::contract::InvalidResponse;
use crate::provider::ProviderError;

/// An answer that was broken off.
pub(super) fn too_long() -> ProviderError {
    ProviderError::malformed("the answer is longer than 6 MiB")
}

/// A service of AWS, or the way to it, failed.
pub(super) fn of_the_call<E>(service: &str, error: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    if is_too_long(error) {
        return too_long();
    }
    match error {
        SdkError::ServiceError(answer) => {
            let meta = answer.err().meta();
            let code = meta.code().unwrap_or("an error without a code");
            let status = answer.raw().status().as_u16();
            let text = match meta.message() {
                Some(message) => format!("{service} answered {status}, {code}: {message}"),
                None => format!("{service} answered {status}, {code}"),
            };
            match status {
                300..=399 => ProviderError::malformed(text),
                _ => ProviderError::unavailable(text),
            }
        }
        SdkError::ResponseError(_) => ProviderError::malformed(format!(
            "this is no answer of {service}'s: {}",
            chain(error)
        )),
        _ => ProviderError::unavailable(format!("{service} did not answer: {}", chain(error))),
    }
}

impl From<InvalidResponse> for ProviderError {
    fn from(error: InvalidResponse) -> Self {
        match error.is_whole() {
            true => Self::malformed(error.to_string()),
            false => Self::unusable(error.to_string()),
        }
    }
}

/// An error with everything behind it; what repeats is said once.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}
