//! The one way from a credential to [`Authenticated`].

use std::sync::{Arc, PoisonError, RwLock};

use database::{Database, SshKey};
use model::{Clock, Secret, ServerId, UserId, UserName};

use crate::certificate::Trust;
use crate::provider::Configured;
use crate::roster::Roster;
use crate::{
    Authenticated, AuthenticationMethods, HashCost, HashFormat, Login, PasswordHash,
    PasswordPolicy, Passwords, Peer, PublicKey, Refused, Result, Routing, metrics,
};

/// How credentials are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What hashing a password costs.
    pub hash_cost: HashCost,
    /// How many passwords are hashed at the same time; the others wait.
    pub hashes_at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            hash_cost: HashCost::default(),
            // Each takes 19 MiB and a core for some 20 ms, imported ones up to 256 MiB and a
            // second or two; transfers want cores too.
            hashes_at_once: cores.div_ceil(2),
        }
    }
}

/// Tells who somebody is. Clones share everything.
#[derive(Debug, Clone)]
pub struct Identity {
    database: Database,
    passwords: Passwords,
    clock: Arc<dyn Clock>,
    roster: Arc<RwLock<Arc<Roster>>>,
    trust: Arc<RwLock<Arc<Trust>>>,
    password_policy: Arc<PasswordPolicy>,
}

impl Identity {
    /// Built-in users of this database. Hashes one password, which takes its time.
    ///
    /// # Errors
    /// `Invalid` where the cost in the settings is out of bounds.
    pub fn new(database: Database, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self {
            database,
            passwords: Passwords::new(settings.hash_cost, settings.hashes_at_once)?,
            clock,
            roster: shared(Roster::built_in()),
            trust: Arc::default(),
            password_policy: Arc::default(),
        })
    }

    /// The same, with these providers beside the built-in users.
    #[must_use]
    pub fn with_providers(mut self, providers: Vec<Configured>, routing: Routing) -> Self {
        let methods = self.methods();
        self.roster = shared(Roster::new(providers, routing, methods, &self.clock));
        self
    }

    /// Asks these of users who have no methods of their own.
    #[must_use]
    pub fn with_methods(mut self, methods: AuthenticationMethods) -> Self {
        self.roster = shared(self.roster().with_methods(methods));
        self
    }

    /// Asks these from the next login on, for all clones, and whoever is in from the next question
    /// about him. What the others said is forgotten; they end with the last login that they are
    /// asked about.
    pub fn set_providers(
        &self,
        providers: Vec<Configured>,
        routing: Routing,
        methods: AuthenticationMethods,
    ) {
        let roster = Roster::new(providers, routing, methods, &self.clock);
        let mut held = self.roster.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(roster);
    }

    /// Takes over what the files of authorities and of revoked keys say now, for all clones.
    pub fn set_trust(&self, trust: Trust) {
        let mut held = self.trust.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(trust);
    }

    /// Which keys and certificates are trusted now.
    pub fn trust(&self) -> Arc<Trust> {
        let held = self.trust.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    /// The same, with these rules for passwords that are set.
    #[must_use]
    pub fn with_password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.password_policy = Arc::new(policy);
        self
    }

    /// Begins a login: one for each connection and name. Nothing is looked up yet. `name` is as
    /// the client sent it; one that cannot be a user's is treated as that of an unknown user.
    pub fn login(&self, server: &ServerId, name: &str, peer: &Peer) -> Login {
        Login::new(self.clone(), server.clone(), name, peer.clone())
    }

    /// Lets somebody in by his password: a [`Login`] with a single attempt.
    ///
    /// # Errors
    /// [`Refused`], which looks the same for every reason.
    pub async fn authenticate_password(
        &self,
        server: &ServerId,
        name: &str,
        password: &Secret<String>,
        peer: &Peer,
    ) -> Result<Authenticated, Refused> {
        let mut login = self.login(server, name, peer);
        login.authenticate_password(password).await
    }

    /// The hash of a password that a user of this name may have.
    ///
    /// # Errors
    /// `Invalid` where it does not satisfy the rules, `Unavailable` where the list of breached ones
    /// cannot be read.
    pub async fn new_password(
        &self,
        name: &UserName,
        password: &Secret<String>,
    ) -> Result<Secret<String>> {
        self.password_policy.check(password, name).await?;
        self.passwords.hash(password).await
    }

    /// Gives a user another password.
    ///
    /// # Errors
    /// As [`Self::new_password`], and `NotFound` where there is no such user.
    pub async fn set_password(
        &self,
        user: UserId,
        name: &UserName,
        password: &Secret<String>,
    ) -> Result<()> {
        let hash = self.new_password(name, password).await?;
        let now = self.clock.now();
        let users = self.database.users();
        Ok(users.set_password_hash(user, Some(hash), now).await?)
    }

    /// Says where a password that another program hashed does not satisfy the rules. Nobody could
    /// know before its user came; he is let in all the same.
    pub(crate) async fn report_weakness(&self, name: &UserName, password: &Secret<String>) {
        if let Err(weak) = self.password_policy.check(password, name).await {
            ::metrics::counter!(metrics::WEAK_PASSWORDS).increment(1);
            let why = weak.to_string();
            let why = why.trim_start_matches("set password: ");
            tracing::warn!(user = %name, why, "an imported password is weak; have it changed");
        }
    }

    /// Gives a user the hash of his password that another program made, so that he keeps it. It is
    /// made anew at his next login. Returns what it was read as.
    ///
    /// # Errors
    /// `Invalid` where the hash is of no format that is taken, is cut off, or would cost too much;
    /// `NotFound` where there is no such user.
    pub async fn import_password_hash(
        &self,
        user: UserId,
        hash: &Secret<String>,
    ) -> Result<HashFormat> {
        let format = PasswordHash::parse(hash.expose())?.format();
        let trimmed = Secret::new(hash.expose().trim().to_owned());
        let users = self.database.users();
        users
            .set_password_hash(user, Some(trimmed), self.clock.now())
            .await?;
        Ok(format)
    }

    /// Gives a user another public key, written as in `authorized_keys`.
    ///
    /// # Errors
    /// `Invalid` where it is not a key we take, `Conflict` where he has it already.
    pub async fn add_key(&self, user: UserId, text: &str) -> Result<SshKey> {
        let key = PublicKey::parse(text)?;
        let row = database::NewSshKey {
            user,
            algorithm: key.algorithm().to_owned(),
            body: key.body(),
            fingerprint: key.fingerprint(),
            comment: key.comment().to_owned(),
            bounds: database::KeyBounds::default(),
        };
        Ok(self.database.ssh_keys().add(row, self.clock.now()).await?)
    }

    /// What hashes and verifies passwords here.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Who is asked now.
    pub(crate) fn roster(&self) -> Arc<Roster> {
        let held = self.roster.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    /// What users have to show who have no methods of their own.
    pub fn methods(&self) -> AuthenticationMethods {
        self.roster().methods()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

fn shared(roster: Roster) -> Arc<RwLock<Arc<Roster>>> {
    Arc::new(RwLock::new(Arc::new(roster)))
}
