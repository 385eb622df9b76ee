//! The provider `lambda`: a function that answers as AWS Transfer asks one.

mod failure;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use super::access::AwsAccess;
use super::contract;
use super::fault::of_the_call;
use super::transport::{InvalidRoots, Roots, Transport};
use crate::ProviderName;
use crate::contract::{IdentityRequest, IdentityResponse};
use crate::provider::{Answer, Provider, ProviderError, Question};

/// How to reach a function.
#[derive(Debug, Clone)]
pub struct LambdaSettings {
    /// Its name or ARN.
    pub function: String,
    /// Its version or alias; the latest where absent.
    pub qualifier: Option<String>,
    /// What it knows this server as, if not by its own id.
    pub server_id: Option<String>,
    /// Whose certificates are trusted in.
    pub roots: Roots,
    /// Region and credentials: the permission needed is `lambda:InvokeFunction`.
    pub access: AwsAccess,
}

/// A function.
#[derive(Debug)]
pub struct LambdaProvider {
    name: ProviderName,
    settings: LambdaSettings,
    transport: Transport,
    client: OnceCell<Client>,
}

impl LambdaProvider {
    /// A function that is asked as `settings` say; nothing is reached yet.
    ///
    /// # Errors
    /// Where TLS cannot work with these certificates.
    pub fn new(name: ProviderName, settings: LambdaSettings) -> Result<Self, InvalidRoots> {
        let transport = Transport::new(&settings.roots, settings.access.endpoint.as_ref())?;
        Ok(Self {
            name,
            settings,
            transport,
            client: OnceCell::new(),
        })
    }

    async fn question(&self, request: &IdentityRequest) -> Result<IdentityResponse, ProviderError> {
        let event = request.lambda_event();
        let invoke = self
            .client()
            .await
            .invoke()
            .function_name(&self.settings.function)
            .set_qualifier(self.settings.qualifier.clone())
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(event.expose().clone()));
        let answer = invoke.send().await;
        let answer = answer.map_err(|error| of_the_call("Lambda", &error))?;
        let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(failure::of_the_function(payload));
        }
        Ok(IdentityResponse::parse(payload, request.asked())?)
    }

    async fn client(&self) -> &Client {
        let access = &self.settings.access;
        let connect = async || Client::new(&access.configuration(self.transport.clone()).await);
        self.client.get_or_init(connect).await
    }
}

impl Provider for LambdaProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        Box::pin(async move {
            let request = contract::request(question, self.settings.server_id.as_deref())?;
            let response = self.question(&request).await?;
            Ok(contract::answer(response, question))
        })
    }
}
