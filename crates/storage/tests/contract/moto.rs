//! The S3 backend keeps the contract against moto, whose conditions and checks are partial: what
//! the probe finds decides what is asked of it.

use std::path::PathBuf;
use std::sync::Arc;

use model::Secret;
use storage::s3::{Credentials, S3Client, S3Settings};
use testkit::moto::Moto;

use crate::fixture::{Fixture, Quirks};
use crate::s3::open_bucket;

#[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
fn executable() -> PathBuf {
    let path = std::env::var_os("PIERHEAD_TEST_MOTO");
    path.expect("PIERHEAD_TEST_MOTO names moto_server").into()
}

async fn open() -> Fixture {
    let moto = Moto::start(&executable()).await.unwrap();
    for bucket in ["inbox", "archive"] {
        moto.create_bucket(bucket).await.unwrap();
    }
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
    let store = open_bucket(&client, "inbox").await;
    let other = open_bucket(&client, "archive").await;
    let mut fixture = Fixture::new(Arc::new(store), Arc::new(other), moto);
    fixture.many = 1_200;
    fixture.quirks = Quirks {
        accepts_any_part_order: true,
        mangles_control_characters: true,
        ..Quirks::default()
    };
    fixture
}

suite!(
    ignore = "needs moto_server, named by PIERHEAD_TEST_MOTO",
    super::open
);
