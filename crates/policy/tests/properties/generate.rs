//! Small worlds: few names that look alike, so that documents and requests meet.

use std::net::IpAddr;

use model::Timestamp;
use policy::{Home, S3Action, Variables};
use proptest::prelude::*;
use proptest::sample::select;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) home: Option<(String, String)>,
    pub(crate) source_ip: Option<[u8; 4]>,
    pub(crate) secure: bool,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) action: S3Action,
    pub(crate) bucket: String,
    pub(crate) key: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) max_keys: Option<u32>,
    pub(crate) encryption: Option<String>,
    pub(crate) kms_key: Option<String>,
}

/// 1,000 seconds after 1970.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_000)
}

impl Person {
    pub(crate) fn variables(&self) -> Variables {
        let mut variables = Variables::new(self.name.clone());
        if let Some((bucket, folder)) = &self.home {
            variables = variables.at_home(Home::new(bucket, folder).unwrap());
        }
        if let Some(address) = self.source_ip {
            variables = variables.from(IpAddr::from(address));
        }
        if self.secure {
            variables
        } else {
            variables.in_the_clear()
        }
    }
}

pub(crate) fn person() -> impl Strategy<Value = Person> {
    let home = prop::option::weighted(
        0.85,
        (
            select(vec!["b", "b2"]),
            select(vec!["", "h/a", "h/a2", "h/*", "h/a/a", "?"]),
        ),
    );
    let address = prop::option::weighted(
        0.8,
        select(vec![[10, 0, 0, 1], [10, 0, 1, 1], [11, 0, 0, 1]]),
    );
    (
        select(vec!["a", "a2", "*", "?", "a*"]),
        home,
        address,
        prop::bool::weighted(0.8),
    )
        .prop_map(|(name, home, source_ip, secure)| Person {
            name: name.to_owned(),
            home: home.map(|(bucket, folder)| (bucket.to_owned(), folder.to_owned())),
            source_ip,
            secure,
        })
}

fn key() -> impl Strategy<Value = String> {
    let segment = select(vec!["h", "a", "a2", "*", "?", "x", "a*"]);
    (prop::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(segments, directory)| {
        let slash = if directory && !segments.is_empty() {
            "/"
        } else {
            ""
        };
        format!("{}{slash}", segments.join("/"))
    })
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let actions = vec![
        S3Action::GetObject,
        S3Action::PutObject,
        S3Action::DeleteObject,
        S3Action::ListBucket,
        S3Action::GetBucketLocation,
    ];
    let of_kms = select(vec![
        "arn:aws:kms:e:1:key/a",
        "arn:aws:kms:e:2:key/a:b",
        "a",
    ]);
    (
        select(actions),
        select(vec!["b", "b2"]),
        key(),
        prop::option::weighted(0.8, key()),
        prop::option::of(select(vec![1_u32, 10, 1000])),
        prop::option::of(select(vec!["AES256", "aws:kms"])),
        prop::option::of(of_kms),
    )
        .prop_map(
            |(action, bucket, key, prefix, max_keys, encryption, kms_key)| {
                let lists = action == S3Action::ListBucket;
                let encryption = encryption.map(str::to_owned);
                Asked {
                    action,
                    bucket: bucket.to_owned(),
                    key: action.is_of_objects().then_some(key),
                    prefix: prefix.filter(|_| lists),
                    max_keys: max_keys.filter(|_| lists),
                    kms_key: kms_key.filter(|_| encryption.is_some()).map(str::to_owned),
                    encryption,
                }
            },
        )
}
