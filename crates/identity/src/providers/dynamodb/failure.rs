//! What went wrong with a query.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::QueryError;

use crate::provider::ProviderError;
use crate::providers::fault::{chain, too_long};
use crate::providers::transport::is_too_long;

/// DynamoDB, or the way to it, failed.
pub(super) fn of_the_query(error: &SdkError<QueryError, HttpResponse>) -> ProviderError {
    if is_too_long(error) {
        return too_long();
    }
    match error {
        SdkError::ServiceError(answer) => {
            let meta = answer.err().meta();
            let code = meta.code().unwrap_or("an error without a code");
            let status = answer.raw().status().as_u16();
            let text = match meta.message() {
                Some(message) => format!("DynamoDB answered {status}, {code}: {message}"),
                None => format!("DynamoDB answered {status}, {code}"),
            };
            match status {
                300..=399 => ProviderError::malformed(text),
                _ => ProviderError::unavailable(text),
            }
        }
        SdkError::ResponseError(_) => {
            ProviderError::malformed(format!("this is no answer of DynamoDB's: {}", chain(error)))
        }
        _ => ProviderError::unavailable(format!("DynamoDB did not answer: {}", chain(error))),
    }
}
