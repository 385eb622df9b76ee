//! How to reach an S3 store, and how patient to be with it.

use std::time::Duration;

use model::Secret;

use crate::Encryption;

/// A connection to S3 or a store that speaks like it.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// URL of the store (`https://minio.example.com:9000`); AWS's own for the region where absent.
    pub endpoint: Option<String>,
    /// URL of STS, which is asked for the keys of IAM roles. Where absent: `endpoint`, for stores
    /// that speak STS at the same place, else AWS's own for the region.
    pub sts_endpoint: Option<String>,
    /// How long the keys of an IAM role are asked for. They are renewed before they end. STS: 15
    /// minutes to what the role allows, 12 hours at most.
    pub role_duration: Duration,
    /// The region that requests are signed for. Stores without regions take any.
    pub region: String,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`. Most stores besides AWS
    /// want it.
    pub path_style: bool,
    /// Who we are.
    pub credentials: Credentials,
    /// How objects are encrypted by the store.
    pub encryption: Encryption,
    /// Send CRC64NVME with every object and part, and compare what the store says it has.
    /// Off only for stores that refuse the header.
    pub checksums: bool,
    /// Also sign the SHA-256 of every body, which costs four times the CPU that everything else of
    /// an upload does. Needed only by stores that refuse `UNSIGNED-PAYLOAD`.
    pub sign_payload: bool,
    /// How long calls may take.
    pub deadlines: Deadlines,
    /// How failed attempts are repeated.
    pub retries: Retries,
    /// Look once per bucket, on keys of its own below `.pierhead/probe/`, what the store can do.
    /// Without it nothing is assumed: no conditions, no part copies.
    pub probe: bool,
    /// The smallest part but the last, in bytes. S3: 5 MiB.
    pub min_part_size: u64,
    /// The largest part, in bytes. S3: 5 GiB.
    pub max_part_size: u64,
    /// The store wants every part but the last of the same size (Cloudflare R2).
    pub uniform_parts: bool,
}

impl Default for S3Settings {
    /// AWS in `us-east-1`, with the machine's own credentials.
    fn default() -> Self {
        Self {
            endpoint: None,
            sts_endpoint: None,
            role_duration: Duration::from_secs(3600),
            region: "us-east-1".to_owned(),
            path_style: false,
            credentials: Credentials::Chain,
            encryption: Encryption::BucketDefault,
            checksums: true,
            sign_payload: false,
            deadlines: Deadlines::default(),
            retries: Retries::default(),
            probe: true,
            min_part_size: 5 << 20,
            max_part_size: 5 << 30,
            uniform_parts: false,
        }
    }
}

impl S3Settings {
    /// Whether anything is spoken to through TLS.
    pub(super) fn is_encrypted(&self) -> bool {
        let plain = |url: &String| url.starts_with("http://");
        let store = self.endpoint.as_ref().is_some_and(plain);
        let sts = self.sts_endpoint.as_ref().is_none_or(plain);
        !(store && sts)
    }
}

/// Who signs the requests.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// What the AWS SDK finds: environment, shared files, web identity, container, instance role.
    Chain,
    /// A fixed key pair.
    Static {
        /// Access key id.
        access_key: String,
        /// Secret access key.
        secret_key: Secret<String>,
        /// Session token of temporary credentials.
        session_token: Option<Secret<String>>,
    },
}

/// How long calls may take. An attempt that reaches its deadline is abandoned.
#[derive(Debug, Clone)]
pub struct Deadlines {
    /// To connect, TLS included. Default 5 s.
    pub connect: Duration,
    /// For the answer to a small request. Default 20 s.
    pub answer: Duration,
    /// Bodies that are sent get the time that this rate takes on top, in bytes per second.
    /// Default 128 KiB/s: 64 s for a part of 8 MiB.
    pub slowest_rate: u64,
    /// For what the store does by itself before it answers: copies and completions. Default 10
    /// minutes.
    pub server_side: Duration,
    /// Between two pieces of a body that is received. Default 30 s.
    pub idle: Duration,
    /// No attempt begins later than this after the call did. Default 60 s.
    pub retrying: Duration,
    /// For STS to hand out the keys of an IAM role, repeated attempts included. Default 10 s.
    pub role: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            slowest_rate: 128 << 10,
            server_side: Duration::from_secs(600),
            idle: Duration::from_secs(30),
            retrying: Duration::from_secs(60),
            role: Duration::from_secs(10),
        }
    }
}

/// How failed attempts are repeated: after a random time up to a limit that doubles with each.
#[derive(Debug, Clone)]
pub struct Retries {
    /// Attempts of one call, the first included. At least 1. Default 5.
    pub attempts: u32,
    /// The limit of the first pause. Default 100 ms.
    pub first_pause: Duration,
    /// The longest pause, also of those that the store asks for. Default 10 s.
    pub longest_pause: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
        }
    }
}
