//! What the status of an identity API's answer means.
//!
//! AWS has an API answer 200 always, and say no by an answer without a `Role`. Many say it by 401,
//! 403 or 404 instead, as the first samples of AWS did.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::provider::ProviderError;

/// What to do with an answer.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Its body says.
    Answered,
    /// The API says no to this user.
    Refused(u16),
    /// It is no answer.
    Fault(ProviderError),
}

/// API Gateway's own refusals, by the header that it names them in: of the gateway, not of a user.
const OURS: [&str; 7] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "ForbiddenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
];

impl Verdict {
    pub(super) fn of(answer: &HttpResponse) -> Self {
        let error = answer.headers().get("x-amzn-errortype").unwrap_or_default();
        // It may carry a URL behind a colon.
        let error = error.split(':').next().unwrap_or_default();
        match answer.status().as_u16() {
            200 => Self::Answered,
            401 | 403 | 404 if OURS.contains(&error) => {
                Self::Fault(ProviderError::unavailable(format!(
                    "API Gateway refuses the gateway's own request ({error}): \
                 look at the URL, its stage, and who signs"
                )))
            }
            status @ (401 | 403 | 404) => Self::Refused(status),
            status @ 300..=399 => Self::Fault(ProviderError::malformed(format!(
                "the API answered {status}, a redirect, which is not followed: \
                 write the URL that it leads to into the settings"
            ))),
            // It may be the name that it does not like.
            status @ (400 | 422) => Self::Fault(ProviderError::unusable(format!(
                "the API answered {status}: it cannot read this question"
            ))),
            429 => Self::Fault(ProviderError::unavailable(
                "the API answered 429: too many requests",
            )),
            status @ 500.. => Self::Fault(ProviderError::unavailable(format!(
                "the API answered {status}"
            ))),
            status => Self::Fault(ProviderError::malformed(format!(
                "the API answered {status}, where 200 is an answer and 401, 403 and 404 are refusals"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn of(status: u16, error: &str) -> &'static str {
        let mut answer = HttpResponse::new(status.try_into().expect("status"), SdkBody::empty());
        if !error.is_empty() {
            let headers = answer.headers_mut();
            headers.insert("x-amzn-errortype", error.to_owned());
        }
        match Verdict::of(&answer) {
            Verdict::Answered => "answered",
            Verdict::Refused(_) => "refused",
            Verdict::Fault(fault) => fault.reason(),
        }
    }

    #[test]
    fn only_200_can_admit() {
        for status in (200..=599).filter(|status| *status != 200) {
            assert_ne!(of(status, ""), "answered", "{status}");
        }
        assert_eq!(of(200, ""), "answered");
    }

    #[test]
    fn a_refused_user_is_no_failure_of_the_api_and_a_refused_gateway_is_one() {
        for (status, error, verdict) in [
            (401, "", "refused"),
            (403, "", "refused"),
            (404, "", "refused"),
            (403, "MissingAuthenticationTokenException", "unavailable"),
            (403, "InvalidSignatureException:http://x/", "unavailable"),
            (403, "UserDisabled", "refused"),
            (429, "", "unavailable"),
            (502, "InternalServerErrorException", "unavailable"),
            (302, "", "malformed"),
            (204, "", "malformed"),
            (400, "", "unusable"),
            (405, "", "malformed"),
        ] {
            assert_eq!(of(status, error), verdict, "{status} {error}");
        }
    }
}
