//! Who is asked about whom, and what users have to show: what a reload replaces as a whole.

use std::sync::Arc;

use model::Clock;

use crate::provider::{Asked, Configured};
use crate::{AuthenticationMethods, ProviderName, Routing};

/// The providers of now. A login that has begun stays with those that it began with.
#[derive(Debug)]
pub(crate) struct Roster {
    providers: Vec<Arc<Asked>>,
    routing: Routing,
    methods: AuthenticationMethods,
}

impl Roster {
    /// The built-in users alone.
    pub(crate) fn built_in() -> Self {
        Self {
            providers: Vec::new(),
            routing: Routing::single(ProviderName::built_in()),
            methods: AuthenticationMethods::default(),
        }
    }

    /// These beside the built-in users. Nothing is remembered of what others said.
    pub(crate) fn new(
        providers: Vec<Configured>,
        routing: Routing,
        methods: AuthenticationMethods,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let asked = |one| Arc::new(Asked::new(one, Arc::clone(clock)));
        Self {
            providers: providers.into_iter().map(asked).collect(),
            routing,
            methods,
        }
    }

    /// The same, where users have to show something else.
    pub(crate) fn with_methods(&self, methods: AuthenticationMethods) -> Self {
        Self {
            providers: self.providers.clone(),
            routing: self.routing.clone(),
            methods,
        }
    }

    pub(crate) fn provider(&self, name: &str) -> Option<&Arc<Asked>> {
        let mut providers = self.providers.iter();
        providers.find(|asked| asked.name().as_str() == name)
    }

    pub(crate) fn routing(&self) -> &Routing {
        &self.routing
    }

    pub(crate) fn methods(&self) -> AuthenticationMethods {
        self.methods
    }
}
