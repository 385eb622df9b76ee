//! Why a question was not answered, in words for the log.

use std::error::Error as StdError;

use crate::contract::InvalidResponse;
use crate::provider::ProviderError;

/// An answer that was broken off.
pub(super) fn too_long() -> ProviderError {
    ProviderError::malformed("the answer is longer than 6 MiB")
}

impl From<InvalidResponse> for ProviderError {
    fn from(error: InvalidResponse) -> Self {
        Self::malformed(error.to_string())
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
