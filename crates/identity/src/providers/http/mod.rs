//! The provider `http`: an identity API as AWS Transfer asks one through API Gateway.

mod signer;
mod verdict;

use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use futures::future::BoxFuture;
use http::header::{ACCEPT, HeaderValue, USER_AGENT};
use http_body_util::BodyExt as _;
use model::Clock;

use self::signer::Signer;
use self::verdict::Verdict;
use super::AwsCredentials;
use super::contract;
use super::endpoint::Endpoint;
use super::fault::{chain, too_long};
use super::transport::{InvalidRoots, Roots, Transport, is_too_long};
use crate::ProviderName;
use crate::contract::{GatewayRequest, IdentityRequest, IdentityResponse};
use crate::provider::{Answer, Provider, ProviderError, Question};

/// How to reach an identity API.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Its URL, up to `/servers`.
    pub endpoint: Endpoint,
    /// What it knows this server as, if not by its own id.
    pub server_id: Option<String>,
    /// Whose certificates are trusted in.
    pub roots: Roots,
    /// Signs the requests, for APIs that are open to AWS identities alone (`AWS_IAM`).
    pub signing: Option<Signing>,
}

/// Who signs for `execute-api`, and where.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The API's region.
    pub region: String,
    /// Who signs: the permission needed is `execute-api:Invoke`.
    pub credentials: AwsCredentials,
}

/// An identity API.
#[derive(Debug)]
pub struct HttpProvider {
    name: ProviderName,
    endpoint: Endpoint,
    server_id: Option<String>,
    transport: Transport,
    signer: Option<Signer>,
}

impl HttpProvider {
    /// An API that is asked as `settings` say; nothing is reached yet.
    ///
    /// # Errors
    /// Where TLS cannot work with these certificates.
    pub fn new(
        name: ProviderName,
        settings: HttpSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidRoots> {
        let transport = Transport::new(&settings.roots, Some(&settings.endpoint))?;
        let signer = settings.signing.map(|signing| Signer::new(signing, clock));
        Ok(Self {
            name,
            endpoint: settings.endpoint,
            server_id: settings.server_id,
            transport,
            signer,
        })
    }

    async fn answer(&self, question: &Question) -> Result<Answer, ProviderError> {
        let request = contract::request(question, self.server_id.as_deref())?;
        let answer = self.call(&request).await?;
        match Verdict::of(&answer) {
            Verdict::Answered => {
                let body = body(answer).await?;
                let response = IdentityResponse::parse(&body, request.asked())?;
                Ok(contract::answer(response, question))
            }
            Verdict::Refused(status) => Ok(Answer::Refused(format!("the API answered {status}"))),
            Verdict::Fault(fault) => Err(fault),
        }
    }

    async fn call(&self, request: &IdentityRequest) -> Result<HttpResponse, ProviderError> {
        let mut request = get(request.gateway_request(self.endpoint.as_str()))?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut request).await?;
        }
        let request = HttpRequest::try_from(request).map_err(|error| unmade(&error))?;
        let answer = self.transport.call(request).await;
        answer.map_err(|error| {
            let text = format!("{} did not answer: {}", self.endpoint, chain(&error));
            ProviderError::unavailable(text)
        })
    }
}

impl Provider for HttpProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        Box::pin(self.answer(question))
    }
}

fn get(asked: GatewayRequest) -> Result<http::Request<SdkBody>, ProviderError> {
    let mut request = http::Request::get(asked.url)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("pierhead/", env!("CARGO_PKG_VERSION")));
    for (name, text) in asked.headers {
        let mut value = HeaderValue::from_str(text.expose()).map_err(|error| unmade(&error))?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    let request = request.body(SdkBody::empty());
    request.map_err(|error| unmade(&error))
}

fn unmade(error: &(dyn std::error::Error + 'static)) -> ProviderError {
    ProviderError::unavailable(format!("the request cannot be made: {}", chain(error)))
}

async fn body(answer: HttpResponse) -> Result<Vec<u8>, ProviderError> {
    match answer.into_body().collect().await {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if is_too_long(&*error) => Err(too_long()),
        Err(error) => {
            let text = format!("the answer broke off: {}", chain(&*error));
            Err(ProviderError::unavailable(text))
        }
    }
}
