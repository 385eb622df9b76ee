//! Needs moto's server, which `cargo xtask setup` installs: `PIERHEAD_TEST_MOTO` names it.

use std::collections::HashMap;
use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use identity::provider::{PasswordCheck, Profile};
use identity::providers::Roots;
use identity::providers::dynamodb::{Attributes, Defaults, DynamoDbProvider, DynamoDbSettings};
use identity::{HashFormat, PasswordHash};
use model::{Secret, Timestamp};
use testkit::moto::Moto;

use crate::asked::{KEY, ROLE, keys, login, name, told};
use crate::lambda::{access, of_the_proposal, proposal};

/// The proposal's table: numbered organisations, found by an index of their users' names.
const TABLE: &str = "dydb-99-uploads";
const INDEX: &str = "username-index";
/// `fawrawt45245`, as the proposal keeps it.
const SHA224: &str = "E6rhFrj0s/fUiwe7ieZ3oQwA5UzTkngFRB/G1w==";

struct World {
    moto: Moto,
    program: PathBuf,
    client: Client,
}

async fn world() -> World {
    let program = told("PIERHEAD_TEST_MOTO").expect("PIERHEAD_TEST_MOTO names moto_server");
    let moto = Moto::start(&program).await.expect("moto starts");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(moto.endpoint())
        .credentials_provider(Credentials::new("testing", "testing", None, None, "tests"))
        .build();
    let world = World {
        moto,
        program,
        client: Client::from_conf(config),
    };
    world.create_table().await;
    world
}

fn key(attribute: &str) -> KeySchemaElement {
    let key = KeySchemaElement::builder().attribute_name(attribute);
    key.key_type(KeyType::Hash).build().expect("a key")
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let attribute = AttributeDefinition::builder().attribute_name(name);
    attribute
        .attribute_type(kind)
        .build()
        .expect("an attribute")
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

impl World {
    async fn create_table(&self) {
        let all = Projection::builder().projection_type(ProjectionType::All);
        let index = GlobalSecondaryIndex::builder()
            .index_name(INDEX)
            .key_schema(key("username"))
            .projection(all.build());
        let table = self
            .client
            .create_table()
            .table_name(TABLE)
            .key_schema(key("orgid"))
            .attribute_definitions(attribute("orgid", ScalarAttributeType::N))
            .attribute_definitions(attribute("username", ScalarAttributeType::S))
            .billing_mode(BillingMode::PayPerRequest)
            .global_secondary_indexes(index.build().expect("an index"));
        table.send().await.expect("a table");
    }

    async fn put(&self, organisation: u32, row: &[(&str, AttributeValue)]) {
        let row = row
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        let mut row: HashMap<String, AttributeValue> = row.collect();
        row.insert(
            "orgid".to_owned(),
            AttributeValue::N(organisation.to_string()),
        );
        let put = self.client.put_item().table_name(TABLE).set_item(Some(row));
        put.send().await.expect("a row");
    }

    fn provider(&self, change: impl FnOnce(&mut DynamoDbSettings)) -> DynamoDbProvider {
        let mut settings = DynamoDbSettings {
            table: TABLE.to_owned(),
            index: Some(INDEX.to_owned()),
            consistent: false,
            attributes: Attributes::default(),
            defaults: Defaults {
                role: Some(ROLE.to_owned()),
                ..Defaults::default()
            },
            roots: Roots::System,
            access: access(&self.moto.endpoint()),
        };
        change(&mut settings);
        DynamoDbProvider::new(name(), settings).expect("a provider")
    }
}

fn hash(profile: &Profile) -> PasswordHash {
    match &profile.password {
        PasswordCheck::Hash(hash) => PasswordHash::parse(hash.expose()).expect("a hash"),
        other => panic!("no hash, but {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn the_proposals_table_serves_with_no_function_in_between() {
    let world = world().await;
    world
        .put(
            99,
            &[
                ("username", text("test99")),
                ("password", text(SHA224)),
                ("HomeDirectory", text("/99-5-uploads/test99")),
            ],
        )
        .await;
    let provider = world.provider(|_| {});
    let profile = login(&provider, "test99", "fawrawt45245")
        .await
        .expect("an answer");
    let profile = profile.expect("found");
    assert_eq!(hash(&profile).format(), HashFormat::Sha224);
    let right = |password: &str| hash(&profile).verify(&Secret::new(password.to_owned()));
    assert!(right("fawrawt45245").expect("verified"));
    assert!(!right("fawrawt45246").expect("verified"));
    assert_eq!(profile.home.directory, "/99-5-uploads/test99");
    assert_eq!(profile.role.as_deref(), Some(ROLE));
    let refused = |answer: Result<Result<Profile, String>, _>| {
        answer.expect("an answer").expect_err("refused")
    };
    let none = refused(
        login(&provider, "nobody", "fawrawt45245")
            .await
            .map_err(|_| ()),
    );
    assert_eq!(none, "no row of the table has this name");
    let keyless = keys(&provider, "test99").await.expect("an answer");
    assert!(keyless.expect("known").keys.is_empty());
    world.put(97, &[("username", text("empty"))]).await;
    let empty = refused(keys(&provider, "empty").await.map_err(|_| ()));
    assert_eq!(
        empty,
        "his row has no attribute PublicKeys, or the index username-index does not project it"
    );
    world
        .put(
            98,
            &[("username", text("test99")), ("password", text(SHA224))],
        )
        .await;
    let two = refused(
        login(&provider, "test99", "fawrawt45245")
            .await
            .map_err(|_| ()),
    );
    assert_eq!(
        two,
        "more than one row of the table has this name: remove all but one"
    );
}

#[tokio::test]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn attributes_are_called_what_the_settings_say() {
    let world = world().await;
    let keys_of = AttributeValue::Ss(vec![KEY.to_owned()]);
    world
        .put(
            1,
            &[
                ("username", text("bob")),
                ("pw", text("{SSHA}x")),
                ("ssh", keys_of),
                ("folder", text("/inbox/bob")),
                ("rights", text("upload-only")),
                ("until", AttributeValue::N("1800000000".to_owned())),
            ],
        )
        .await;
    let provider = world.provider(|settings| {
        settings.attributes.password = "pw".to_owned();
        settings.attributes.keys = "ssh".to_owned();
        settings.attributes.home = "folder".to_owned();
        settings.attributes.role = "rights".to_owned();
        settings.attributes.expires = "until".to_owned();
        settings.defaults.policy = Some("{}".to_owned());
    });
    let profile = keys(&provider, "bob")
        .await
        .expect("an answer")
        .expect("found");
    assert_eq!(profile.keys.len(), 1);
    assert!(matches!(profile.password, PasswordCheck::NotAsked));
    assert_eq!(profile.role.as_deref(), Some("upload-only"));
    assert_eq!(profile.policy.as_deref(), Some("{}"));
    assert_eq!(profile.home.directory, "/inbox/bob");
    assert_eq!(
        profile.expires,
        Some(Timestamp::from_seconds(1_800_000_000))
    );
    let profile = login(&provider, "bob", "x")
        .await
        .expect("an answer")
        .expect("found");
    assert!(matches!(profile.password, PasswordCheck::Hash(_)));
}

#[tokio::test]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn every_format_of_passwords_that_is_migrated_comes_back_as_it_was_stored() {
    let world = world().await;
    let provider = world.provider(|_| {});
    let vectors = include_str!("../../../src/hash/vectors.tsv");
    let mut seen = std::collections::HashSet::new();
    for line in vectors.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, _, _, stored] = fields[..] else {
            continue;
        };
        if !seen.insert(kind) || PasswordHash::parse(stored).is_err() {
            continue;
        }
        world
            .put(1, &[("username", text("bob")), ("password", text(stored))])
            .await;
        let profile = login(&provider, "bob", "x")
            .await
            .expect("an answer")
            .expect("found");
        assert_eq!(
            hash(&profile).format(),
            PasswordHash::parse(stored).expect("a hash").format(),
            "{kind}"
        );
    }
    assert!(seen.len() >= 15, "{seen:?}");
}

#[tokio::test]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn a_table_whose_key_is_the_name_needs_no_index() {
    let world = world().await;
    let table = world
        .client
        .create_table()
        .table_name("users")
        .key_schema(key("username"))
        .attribute_definitions(attribute("username", ScalarAttributeType::S))
        .billing_mode(BillingMode::PayPerRequest);
    table.send().await.expect("a table");
    let put = world
        .client
        .put_item()
        .table_name("users")
        .item("username", text("bob"))
        .item("password", text(SHA224));
    put.send().await.expect("a row");
    let provider = world.provider(|settings| {
        settings.table = "users".to_owned();
        settings.index = None;
        settings.consistent = true;
        settings.defaults.home = Some("/inbox/${transfer:UserName}".to_owned());
    });
    let profile = login(&provider, "bob", "x")
        .await
        .expect("an answer")
        .expect("found");
    assert_eq!(profile.home.directory, "/inbox/bob");
}

#[tokio::test]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn a_table_or_an_index_that_is_not_there_is_named() {
    let world = world().await;
    let provider = world.provider(|settings| settings.table = "nowhere".to_owned());
    let error = login(&provider, "bob", "x").await.expect_err("no table");
    assert_eq!(error.reason(), "unavailable");
    assert!(
        error.to_string().contains("ResourceNotFoundException"),
        "{error}"
    );
    let provider = world.provider(|settings| settings.index = Some("nowhere".to_owned()));
    let error = login(&provider, "bob", "x").await.expect_err("no index");
    assert_eq!(error.reason(), "unavailable");
}

#[tokio::test]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn the_proposals_function_answers_from_the_same_table() {
    let world = world().await;
    let keys_of = AttributeValue::Ss(vec![KEY.to_owned()]);
    world
        .put(
            99,
            &[
                ("username", text("test99")),
                ("password", text(SHA224)),
                ("PublicKeys", keys_of),
                ("HomeDirectory", text("/99-5-uploads/test99")),
            ],
        )
        .await;
    let python = world.program.with_file_name("python3");
    let functions = of_the_proposal(&python, TABLE, &world.moto.endpoint()).await;
    let provider = proposal(&functions.url());
    let profile = login(&provider, "test99", "fawrawt45245")
        .await
        .expect("an answer");
    let profile = profile.expect("admitted");
    assert_eq!(profile.role.as_deref(), Some(ROLE));
    assert_eq!(profile.home.directory, "/99-5-uploads/test99");
    let policy = profile.policy.expect("a policy");
    assert!(policy.contains("${transfer:HomeDirectory}/*"), "{policy}");
    let profile = keys(&provider, "test99")
        .await
        .expect("an answer")
        .expect("admitted");
    assert_eq!(profile.keys.len(), 1);
    for (user, password) in [
        ("test99", "wrong"),
        ("nobody", "x"),
        ("admin", "admin"),
        ("ROOT", "x"),
    ] {
        let refused = login(&provider, user, password).await.expect("an answer");
        assert!(refused.is_err(), "{user}");
    }
    assert_eq!(functions.asked().len(), 6);
}
