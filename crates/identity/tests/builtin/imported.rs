//! Users who bring the hash of their password along.

use identity::HashFormat;
use model::ErrorKind;

use crate::login::{House, secret};

/// md5-crypt of `secret`, six letters: shorter than what is set today.
const SHORT: &str = "$1$salt1234$GexpiwjB8qThXlxv/yIG6.";

#[tokio::test]
async fn an_imported_hash_lets_its_owner_in_and_is_made_anew_at_once() {
    let house = House::new().await;
    let user = house.user_without_credentials("acme").await;
    let hash = async || {
        let read = house.database.users().by_id(user.id).await.expect("read");
        read.expect("there").password_hash.expect("set")
    };
    let imported = house
        .identity
        .import_password_hash(user.id, &secret(SHORT))
        .await;
    assert_eq!(imported.expect("imported"), HashFormat::Md5Crypt);
    assert!(house.by_password("acme", "Secret").await.is_err());
    assert_eq!(hash().await.expose(), SHORT);
    assert!(house.by_password("acme", "secret").await.is_ok());
    assert!(hash().await.expose().starts_with("$argon2id$"));
    assert!(house.by_password("acme", "secret").await.is_ok());
    assert!(house.by_password("acme", "Secret").await.is_err());
}

#[tokio::test]
async fn what_cannot_be_verified_is_not_imported() {
    let house = House::new().await;
    let user = house.user_without_credentials("acme").await;
    for wrong in ["secret", "$1$salt1234$", "$6$rounds=999999999$salt$hash"] {
        let refused = house
            .identity
            .import_password_hash(user.id, &secret(wrong))
            .await
            .expect_err(wrong);
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(house.by_password("acme", wrong).await.is_err());
    }
}
