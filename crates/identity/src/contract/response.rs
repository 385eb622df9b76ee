//! What an identity provider's answer means.

use serde_json::Value;

use super::home::{self, Home};
use super::member::{ANSWER, InvalidResponse, Members, wrong_type};
use crate::{InvalidPublicKey, PublicKey};

/// What a provider was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Whether a password is right.
    Password,
    /// Which keys a user has.
    PublicKey,
    /// Who a user is, whom a certificate has proved: with keys or without.
    Certificate,
}

/// What a provider's answer means.
#[derive(Debug)]
pub enum IdentityResponse {
    /// No, or nobody of that name: there is no `Role`, or it is blank.
    Refused,
    /// Yes; to a question for keys: yes, if he signs by one of these.
    Admitted(Box<Admission>),
}

/// Who was let in, and with what.
#[derive(Debug)]
pub struct Admission {
    /// The role's ARN, or a name that the provider's settings map to a role. Nothing is known
    /// about it yet: the caller refuses roles that are not known here.
    pub role: String,
    /// His keys; empty unless keys were asked for.
    pub keys: Vec<PublicKey>,
    /// Which of the answer's keys are none, and why. They match nothing; the others count.
    pub broken_keys: Vec<(usize, InvalidPublicKey)>,
    /// The session policy, a JSON document that nobody has read yet.
    pub policy: Option<String>,
    /// Where his files are.
    pub home: Home,
    /// The POSIX identity, for file systems; there are none here.
    pub posix: Option<PosixProfile>,
}

/// A POSIX identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PosixProfile {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// Further groups.
    pub secondary_gids: Vec<u32>,
}

/// The longest role, in bytes, as on AWS.
const MAX_ROLE: usize = 2048;
/// The longest session policy, in bytes: ten times that of AWS.
const MAX_POLICY: usize = 20_480;
/// The most keys, and so the most that a signature is compared with.
const MAX_KEYS: usize = 100;
/// The most secondary groups, as on AWS.
const MAX_GROUPS: usize = 16;

impl IdentityResponse {
    /// The longest answer, in bytes: Lambda's own bound.
    pub const MAX_BYTES: usize = 6 * 1024 * 1024;

    /// Reads an answer's body. Members that nobody knows are passed over, as AWS does, so that a
    /// provider may add a `statusCode` of its own. `null` and nothing at all are refusals: that is
    /// what functions return that return nothing.
    ///
    /// # Errors
    /// [`InvalidResponse`] where the answer would let somebody in and is not what the contract
    /// says, or is no JSON object. Nobody gets in then.
    pub fn parse(body: &[u8], asked: Asked) -> Result<Self, InvalidResponse> {
        if body.len() > Self::MAX_BYTES {
            return Err(InvalidResponse::new(ANSWER, "it is longer than 6 MiB"));
        }
        if matches!(body.trim_ascii(), b"" | b"null") {
            return Ok(Self::Refused);
        }
        let mut members: Members = serde_json::from_slice(body).map_err(|error| {
            let place = home::place(&error);
            InvalidResponse::new(ANSWER, format!("it is not a JSON object: {place}"))
        })?;
        match role(&mut members)? {
            None => Ok(Self::Refused),
            Some(role) => {
                let admission = Admission::parse(role, members, asked)?;
                Ok(Self::Admitted(Box::new(admission)))
            }
        }
    }
}

fn role(members: &mut Members) -> Result<Option<String>, InvalidResponse> {
    match members.take("Role") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(role)) if role.len() > MAX_ROLE => {
            Err(InvalidResponse::new("Role", "it is longer than 2048 bytes"))
        }
        Some(Value::String(role)) => Ok(Some(role).filter(|role| !role.trim().is_empty())),
        Some(other) => Err(wrong_type("Role", "a string", &other)),
    }
}

impl Admission {
    fn parse(role: String, mut members: Members, asked: Asked) -> Result<Self, InvalidResponse> {
        let (keys, broken_keys) = keys(&mut members, asked)?;
        let policy = members.text("Policy", MAX_POLICY)?;
        if policy
            .as_ref()
            .is_some_and(|policy| policy.trim().is_empty())
        {
            return Err(InvalidResponse::new(
                "Policy",
                "it is blank: leave it out instead",
            ));
        }
        let posix = members.take("PosixProfile");
        Ok(Self {
            role,
            keys,
            broken_keys,
            policy,
            home: home::parse(&mut members)?,
            posix: posix.as_ref().map(posix_profile).transpose()?,
        })
    }
}

type Keys = (Vec<PublicKey>, Vec<(usize, InvalidPublicKey)>);

fn keys(members: &mut Members, asked: Asked) -> Result<Keys, InvalidResponse> {
    const NAME: &str = "PublicKeys";
    let list = match (members.take(NAME), asked) {
        (None, Asked::Password | Asked::Certificate) => return Ok(Keys::default()),
        // A provider that knows keys alone answers so to whatever password it is given.
        (Some(_), Asked::Password) => {
            return Err(InvalidResponse::new(
                NAME,
                "it must not be there when a password was asked about: \
                 the provider may not have looked at the password",
            ));
        }
        (None, Asked::PublicKey) => {
            return Err(InvalidResponse::new(
                NAME,
                "it is missing, and keys were asked for",
            ));
        }
        (Some(Value::Array(list)), Asked::PublicKey | Asked::Certificate) => list,
        (Some(other), Asked::PublicKey | Asked::Certificate) => {
            return Err(wrong_type(NAME, "a list of strings", &other));
        }
    };
    if list.is_empty() && asked == Asked::PublicKey || list.len() > MAX_KEYS {
        let fault = format!("it must hold 1 to {MAX_KEYS} keys, not {}", list.len());
        return Err(InvalidResponse::new(NAME, fault));
    }
    let (mut keys, mut broken) = Keys::default();
    for (at, key) in list.iter().enumerate() {
        let Value::String(text) = key else {
            return Err(wrong_type(&format!("{NAME}[{at}]"), "a string", key));
        };
        match PublicKey::parse(text) {
            Ok(key) => keys.push(key),
            Err(error) => broken.push((at, error)),
        }
    }
    Ok((keys, broken))
}

fn posix_profile(profile: &Value) -> Result<PosixProfile, InvalidResponse> {
    const NAME: &str = "PosixProfile";
    let Value::Object(members) = profile else {
        return Err(wrong_type(NAME, "an object", profile));
    };
    let wrong = |name: &str| {
        let member = format!("{NAME}.{name}");
        InvalidResponse::new(member, "it must be a number from 0 to 4294967295")
    };
    let id = |name: &str, value: Option<&Value>| {
        let number = value.and_then(Value::as_u64);
        number
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| wrong(name))
    };
    let groups = match members.get("SecondaryGids") {
        None => &[][..],
        Some(Value::Array(groups)) if groups.len() <= MAX_GROUPS => groups,
        Some(_) => {
            let member = format!("{NAME}.SecondaryGids");
            return Err(InvalidResponse::new(
                member,
                "it must be a list of up to 16 numbers",
            ));
        }
    };
    let group = |group| id("SecondaryGids", Some(group));
    Ok(PosixProfile {
        uid: id("Uid", members.get("Uid"))?,
        gid: id("Gid", members.get("Gid"))?,
        secondary_gids: groups.iter().map(group).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
