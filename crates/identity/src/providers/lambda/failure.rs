//! What went wrong with a function that was invoked.

use serde::Deserialize;

use crate::provider::ProviderError;

/// What Lambda says of a function that failed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Failure {
    error_type: String,
    error_message: String,
}

/// The function ran and failed. Its message may hold what it was asked with, so it is said what
/// kind of failure it was, and where to read more. It may fail over one user's name or row and do
/// well with everybody else's.
pub(super) fn of_the_function(payload: &[u8]) -> ProviderError {
    let failure: Failure = serde_json::from_slice(payload).unwrap_or_default();
    let timed_out = failure.error_message.contains("Task timed out")
        || failure.error_type == "Sandbox.Timedout";
    if timed_out {
        return ProviderError::unavailable(
            "the function timed out (its own limit, not the gateway's)",
        );
    }
    let kind: String = failure.error_type.chars().take(100).collect();
    let kind = match kind
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
    {
        true if !kind.is_empty() => kind,
        _ => "an error without a type".to_owned(),
    };
    ProviderError::unusable(format!(
        "the function failed with {kind}: its own log says why"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_fails_is_named_by_its_kind_alone() {
        let fault = of_the_function(
            br#"{"errorMessage":"hunter2","errorType":"KeyError","stackTrace":["hunter2"]}"#,
        );
        let expected = "the function failed with KeyError: its own log says why";
        assert_eq!(fault.to_string(), expected);
        assert_eq!(fault.reason(), "unusable");
        for odd in [
            &b"not JSON"[..],
            b"",
            br#"{"errorType":"hunter2 is wrong"}"#,
        ] {
            let fault = format!("{:?}", of_the_function(odd));
            assert!(fault.contains("an error without a type"), "{fault}");
        }
    }

    #[test]
    fn a_function_that_takes_too_long_is_told_from_one_that_crashes() {
        let old = br#"{"errorMessage":"2026-02-03T04:05:06.789Z 1-2-3 Task timed out after 3.00 seconds"}"#;
        let new = br#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1-2-3 Error: Task timed out after 3.00 seconds"}"#;
        for payload in [&old[..], new] {
            assert_eq!(of_the_function(payload).reason(), "unavailable");
        }
    }
}
