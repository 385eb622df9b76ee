//! The S3 backend keeps the contract against moto, whose conditions and checks are partial: what
//! the probe finds decides what is asked of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use model::Secret;
use storage::s3::{Credentials, S3Client, S3Settings, S3Store};
use testkit::moto::Moto;

use crate::fixture::{Fixture, Quirks};
use crate::s3::open_bucket;

#[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
fn executable() -> PathBuf {
    let path = std::env::var_os("PIERHEAD_TEST_MOTO");
    path.expect("PIERHEAD_TEST_MOTO names moto_server").into()
}

struct Server {
    moto: Moto,
    client: S3Client,
    fixtures: AtomicU32,
}

async fn start() -> Server {
    let moto = Moto::start(&executable()).await.unwrap();
    let client = S3Client::new(S3Settings {
        endpoint: Some(moto.endpoint()),
        path_style: true,
        credentials: Credentials::Static {
            access_key: "testing".to_owned(),
            secret_key: Secret::new("testing".to_owned()),
            session_token: None,
        },
        ..S3Settings::default()
    });
    Server {
        moto,
        client,
        fixtures: AtomicU32::new(0),
    }
}

impl Server {
    async fn bucket(&self, name: &str) -> Arc<S3Store> {
        self.moto.create_bucket(name).await.unwrap();
        Arc::new(open_bucket(&self.client, name).await)
    }

    async fn fixture(&self) -> Fixture {
        let number = self.fixtures.fetch_add(1, Ordering::Relaxed);
        let store = self.bucket(&format!("inbox-{number}")).await;
        let other = self.bucket(&format!("archive-{number}")).await;
        let mut fixture = Fixture::new(store, other, ());
        fixture.many = 1_200;
        fixture.quirks = Quirks {
            accepts_any_part_order: true,
            mangles_control_characters: true,
            copies_any_state: true,
            names_no_checksum_of_copies: true,
            copies_ranges_behind_the_end: true,
            breaks_on_unknown_uploads: true,
            ..Quirks::default()
        };
        fixture
    }
}

suite!(
    together,
    "needs moto_server, named by PIERHEAD_TEST_MOTO; cargo xtask test runs it",
    start
);
