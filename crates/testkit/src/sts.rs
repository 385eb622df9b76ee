//! An STS server inside the test: hands out key pairs that an [`S3Server`](crate::s3::S3Server)
//! accepts, and keeps what it was asked.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use model::{Clock, Timestamp};
use percent_encoding::percent_decode_str;

use crate::s3::Keys;
use crate::web::{Reply, WebServer};

/// What it does when it is asked.
#[derive(Debug, Clone)]
pub enum Mood {
    /// Keys that are good for so long.
    Gives(Duration),
    /// This status and error code.
    Refuses(u16, &'static str),
    /// Nothing, however long one waits.
    Silent,
}

/// A running server, on the runtime that started it; it ends when this is dropped.
#[derive(Debug)]
pub struct StsServer {
    web: WebServer,
    mood: Arc<Mutex<Mood>>,
}

impl StsServer {
    /// Starts one on a free loopback port. The ids of its pairs are `role-key-1`, `role-key-2` and
    /// so on; they end as `clock` says, and are good for what the session policy allows that it was told.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(keys: Keys, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mood = Arc::new(Mutex::new(Mood::Gives(Duration::from_secs(3600))));
        let (now, count) = (Arc::clone(&mood), AtomicU32::new(0));
        let web = WebServer::start(Arc::new(move |asked| {
            let mood = now.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let reply = match mood {
                Mood::Silent => Reply::Silence,
                Mood::Refuses(status, code) => {
                    let text = format!(
                        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                         <Message>a test says so</Message></Error></ErrorResponse>"
                    );
                    xml(status, text)
                }
                Mood::Gives(time) => {
                    let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                    let (id, secret) = (format!("role-key-{number}"), format!("secret-{number}"));
                    match parameters(&asked.body).get("Policy") {
                        Some(policy) => keys.accept_for(&id, &secret, policy),
                        None => keys.accept(&id, &secret),
                    }
                    xml(200, given(&id, &secret, clock.now().plus(time)))
                }
            };
            Box::pin(std::future::ready(reply))
        }))
        .await?;
        Ok(Self { web, mood })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.web.url()
    }

    /// Does something else from now on.
    pub fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// The parameters of what it was asked so far, in order.
    pub fn asked(&self) -> Vec<BTreeMap<String, String>> {
        let asked = self.web.asked();
        asked.iter().map(|asked| parameters(&asked.body)).collect()
    }
}

fn given(id: &str, secret: &str, until: Timestamp) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>token of {id}</SessionToken>\
         <Expiration>{}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        utc(until)
    )
}

fn utc(time: Timestamp) -> String {
    let seconds = u64::try_from(time.as_seconds()).unwrap_or(0);
    let time = s3s::dto::Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let mut text = Vec::new();
    // It is written into memory, which takes it.
    let _ = time.format(s3s::dto::TimestampFormat::DateTime, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn xml(status: u16, text: String) -> Reply {
    let kind = ("content-type", "text/xml".to_owned());
    Reply::Answer(status, vec![kind], Bytes::from(text))
}

/// A form's fields.
fn parameters(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body).replace('+', " ");
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}
