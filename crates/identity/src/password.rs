//! Passwords, hashed (argon2id) and verified (every format of [`PasswordHash`]) off the async
//! threads, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use model::Secret;
use rand::Rng;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::warn;

use crate::hash::affordable;
use crate::{Error, PasswordHash, Result, metrics as names};

/// What hashing a password costs. The default is OWASP's for argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }
}

impl HashCost {
    fn params(self) -> Result<Params> {
        affordable(self).map_err(Error::Cost)?;
        Params::new(self.memory_kib, self.passes, self.lanes, None)
            .map_err(|error| Error::Cost(error.to_string()))
    }
}

/// Hashes and verifies passwords. Clones share their places.
#[derive(Debug, Clone)]
pub struct Passwords {
    cost: HashCost,
    params: Params,
    places: Arc<Semaphore>,
    /// The hash of a password that nobody knows, verified where there is nothing to verify.
    dummy: Arc<PasswordHash>,
    verifications: Arc<AtomicU64>,
}

impl Passwords {
    /// The shortest password that can be set, in bytes.
    pub const MIN_BYTES: usize = 8;
    /// The longest password, in bytes (as AWS Transfer's).
    pub const MAX_BYTES: usize = 1024;

    /// Hashes at this cost, `at_once` passwords at a time; the others wait.
    ///
    /// # Errors
    /// `Invalid` where the cost is out of argon2's bounds, or above those of [`PasswordHash`].
    pub fn new(cost: HashCost, at_once: usize) -> Result<Self> {
        let params = cost.params()?;
        let dummy = hash(&params, generate_password().expose().as_bytes())?;
        let dummy = PasswordHash::parse(dummy.expose()).map_err(Error::PasswordHash)?;
        Ok(Self {
            cost,
            params,
            places: Arc::new(Semaphore::new(at_once.max(1))),
            dummy: Arc::new(dummy),
            verifications: Arc::default(),
        })
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// `Invalid` where it has fewer than [`Self::MIN_BYTES`] or more than [`Self::MAX_BYTES`].
    pub async fn hash(&self, password: &Secret<String>) -> Result<Secret<String>> {
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&password.expose().len()) {
            return Err(Error::PasswordLength);
        }
        self.hash_again(password).await
    }

    /// The hash of a password that was right a moment ago, or that somebody brings from another
    /// server, and that may be shorter than those that are set today.
    ///
    /// # Errors
    /// `Internal` where the hashing could not be done.
    pub async fn hash_again(&self, password: &Secret<String>) -> Result<Secret<String>> {
        let (params, password) = (self.params.clone(), password.clone());
        self.in_place(move || hash(&params, password.expose().as_bytes()))
            .await?
    }

    /// Whether it is the password of this hash, which may be of any format of [`PasswordHash`].
    /// Without a hash, or with one that is not taken, the dummy is verified, so that it takes as
    /// long, and the answer is no. So it is where the hash is not of today's kind and the password
    /// is wrong: a cheap one of old must not answer sooner than that of nobody.
    ///
    /// # Errors
    /// `Internal` where the hashing could not be done.
    pub async fn verify(
        &self,
        password: &Secret<String>,
        against: Option<&Secret<String>>,
    ) -> Result<bool> {
        let begun = Instant::now();
        // What is too long to be a password is not hashed whole: that would cost more.
        let fits = password.expose().len() <= Self::MAX_BYTES;
        let password = match fits {
            true => password.clone(),
            false => Secret::new(String::new()),
        };
        let (dummy, cost, against) = (Arc::clone(&self.dummy), self.cost, against.cloned());
        let right = self
            .in_place(move || verify(&password, against.as_ref(), &dummy, cost))
            .await??;
        self.verifications.fetch_add(1, Ordering::Relaxed);
        metrics::histogram!(names::VERIFY_SECONDS).record(begun.elapsed().as_secs_f64());
        Ok(right && fits)
    }

    /// Whether a hash is of another format or cost than today's, and is to be made again.
    pub fn is_outdated(&self, hash: &Secret<String>) -> bool {
        PasswordHash::parse(hash.expose()).map_or(true, |hash| hash.needs_rehash(self.cost))
    }

    /// How many passwords were verified, dummies included.
    pub fn verifications(&self) -> u64 {
        self.verifications.load(Ordering::Relaxed)
    }

    async fn in_place<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Error::Hash("the places are closed"))?;
        let work = move || {
            let result = work();
            // Held until the work is done, even if nobody waits for it any more.
            drop(place);
            result
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::Hash("the work was broken off"))
    }
}

fn hash(params: &Params, password: &[u8]) -> Result<Secret<String>> {
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password(password)
        .map_err(|_| Error::Hash("argon2 failed"))?;
    Ok(Secret::new(hash.to_string()))
}

/// The cost is the hash's own.
fn verify(
    password: &Secret<String>,
    against: Option<&Secret<String>>,
    dummy: &PasswordHash,
    today: HashCost,
) -> Result<bool> {
    let parsed = against.map(|hash| PasswordHash::parse(hash.expose()));
    let (right, paid) = match parsed {
        Some(Ok(hash)) => (hash.verify(password)?, !hash.needs_rehash(today)),
        Some(Err(error)) => {
            warn!(%error, "a stored password hash cannot be used: set the password again");
            (false, false)
        }
        None => (false, false),
    };
    if !right && !paid {
        dummy.verify(password)?;
    }
    Ok(right)
}

/// A password of 20 letters and digits that are not mistaken for each other: 98 bits.
pub fn generate_password() -> Secret<String> {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut random = rand::rng();
    let letter = |_| char::from(LETTERS[random.random_range(0..LETTERS.len())]);
    Secret::new((0..20).map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        let cost = HashCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        };
        Passwords::new(cost, 2).expect("within bounds")
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = passwords();
        let hash = passwords
            .hash(&secret("correct horse"))
            .await
            .expect("hash");
        assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let verify = async |password: &str, hash: Option<&Secret<String>>| {
            passwords
                .verify(&secret(password), hash)
                .await
                .expect("verified")
        };
        assert!(verify("correct horse", Some(&hash)).await);
        assert!(!verify("correct horse ", Some(&hash)).await);
        assert!(!verify("", Some(&hash)).await);
        assert!(!verify("correct horse", None).await);
        assert!(!verify("correct horse", Some(&secret("not a hash"))).await);
        assert!(!verify(&"x".repeat(5000), Some(&hash)).await);
        assert_eq!(passwords.verifications(), 6);
    }

    #[tokio::test]
    async fn equal_passwords_have_different_hashes() {
        let passwords = passwords();
        let one = passwords
            .hash(&secret("correct horse"))
            .await
            .expect("hash");
        let two = passwords
            .hash(&secret("correct horse"))
            .await
            .expect("hash");
        assert_ne!(one.expose(), two.expose());
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_not_set() {
        for wrong in ["", "1234567", &"x".repeat(1025)] {
            let error = passwords().hash(&secret(wrong)).await.expect_err("refused");
            assert!(matches!(error, Error::PasswordLength));
        }
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_outdated() {
        let hash = passwords()
            .hash(&secret("correct horse"))
            .await
            .expect("hash");
        assert!(!passwords().is_outdated(&hash));
        let dearer = HashCost {
            memory_kib: 128,
            passes: 1,
            lanes: 1,
        };
        assert!(Passwords::new(dearer, 1).expect("cost").is_outdated(&hash));
        for other in [
            "$2b$12$abcdefghijklmnopqrstuv",
            "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        ] {
            assert!(passwords().is_outdated(&secret(other)), "{other}");
        }
    }

    #[tokio::test]
    async fn a_few_passwords_are_hashed_at_a_time() {
        let passwords = passwords();
        let (running, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        // Nobody is done before another has begun, so two do run together.
        let pair = Arc::new(std::sync::Barrier::new(2));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (running, most, pair) = (running.clone(), most.clone(), pair.clone());
            let passwords = passwords.clone();
            tasks.spawn(async move {
                let work = move || {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    pair.wait();
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                passwords.in_place(work).await.expect("done");
            });
        }
        tasks.join_all().await;
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn hashes_of_other_makers_are_verified() {
        // Base64 of SHA-1: `echo -n password | openssl sha1 -binary | base64`.
        let hash = secret("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=");
        let right = passwords().verify(&secret("password"), Some(&hash)).await;
        assert!(right.expect("verified"));
        let wrong = passwords().verify(&secret("Password"), Some(&hash)).await;
        assert!(!wrong.expect("verified"));
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused() {
        for (memory_kib, passes) in [(1, 0), (512 * 1024, 1), (128 * 1024, 100)] {
            let cost = HashCost {
                memory_kib,
                passes,
                lanes: 1,
            };
            assert!(matches!(Passwords::new(cost, 1), Err(Error::Cost(_))));
        }
    }

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let (one, two) = (generate_password(), generate_password());
        assert_eq!(one.expose().len(), 20);
        assert_ne!(one.expose(), two.expose());
        assert!(!one.expose().contains(['l', 'i', 'o', '0', '1']));
    }
}
