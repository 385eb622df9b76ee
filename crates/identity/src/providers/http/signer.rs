//! Signs questions for API Gateway: SigV4 of the service `execute-api`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::body::SdkBody;
use model::Clock;

use super::Signing;
use crate::provider::ProviderError;
use crate::providers::access::CurrentCredentials;
use crate::providers::fault::chain;

/// Signs, with the credentials and the time of now.
#[derive(Debug)]
pub(super) struct Signer {
    region: String,
    credentials: CurrentCredentials,
    clock: Arc<dyn Clock>,
}

const SERVICE: &str = "execute-api";

impl Signer {
    pub(super) fn new(signing: Signing, clock: Arc<dyn Clock>) -> Self {
        let Signing {
            region,
            credentials,
        } = signing;
        let credentials = CurrentCredentials::new(credentials, &region, Arc::clone(&clock));
        Self {
            region,
            credentials,
            clock,
        }
    }

    /// Adds the headers that the signature consists of. All others are under it.
    pub(super) async fn sign(
        &self,
        request: &mut http::Request<SdkBody>,
    ) -> Result<(), ProviderError> {
        let identity = self.credentials.get().await?.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(self.time())
            .settings(SigningSettings::default())
            .build();
        let params = params.map_err(|error| unsigned(&error))?.into();
        let url = request.uri().to_string();
        let headers = request.headers().iter();
        // Every value was made of text.
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(&[]);
        let signed = SignableRequest::new("GET", url.as_str(), headers, body)
            .and_then(|signable| sign(signable, &params));
        let (instructions, _) = signed.map_err(|error| unsigned(&error))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    fn time(&self) -> SystemTime {
        let micros = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
    }
}

fn unsigned(error: &(dyn std::error::Error + 'static)) -> ProviderError {
    ProviderError::unavailable(format!("the request cannot be signed: {}", chain(error)))
}

#[cfg(test)]
mod tests {
    use model::{ManualClock, Secret, Timestamp};

    use super::*;
    use crate::providers::AwsCredentials;

    /// The signature is what botocore's SigV4Auth makes of the same request.
    #[tokio::test]
    async fn a_question_is_signed_as_aws_expects() {
        let signing = Signing {
            region: "eu-west-1".to_owned(),
            credentials: AwsCredentials::Static {
                access_key: "AKIDEXAMPLE".to_owned(),
                secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            },
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_789_998_400)));
        let url = "https://api.example/prod/servers/s-1/users/bob%40acme/config\
                   ?protocol=SFTP&sourceIp=2001%3Adb8%3A%3A1";
        let request = http::Request::get(url)
            .header("accept", "application/json")
            .header("user-agent", "is not signed")
            .header("PasswordBase64", "aHVudGVyMg==")
            .header("Password", "hunter2");
        let mut request = request.body(SdkBody::empty()).expect("a request");
        let signer = Signer::new(signing, clock);
        signer.sign(&mut request).await.expect("signed");
        assert_eq!(
            request.headers()["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260921/eu-west-1/execute-api/aws4_request, \
             SignedHeaders=accept;host;password;passwordbase64;x-amz-date, \
             Signature=ba1bb4d6ecc81447b24f688411bacff6735e9e92f4ab52ccb4417ed9758d9fcb"
        );
        assert_eq!(request.headers()["x-amz-date"], "20260921T134640Z");
    }
}
