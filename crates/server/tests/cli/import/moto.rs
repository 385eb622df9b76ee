//! A DynamoDB table that is asked itself, in moto. Needs what `cargo xtask setup` installs:
//! `PIERHEAD_TEST_MOTO` names moto's server, and Python is beside it.

use std::path::PathBuf;
use std::process::Command;

use testkit::moto::Moto;

use super::clients::{Shows, sftp};
use super::{House, PASSWORD, crypt, make_key};
use crate::node::pierhead;

/// The proposal's table, with 40 users whose rows fill more than a page of one megabyte.
const FILL: &str = r"
import sys, boto3
password, key = sys.argv[1:]
table = boto3.resource('dynamodb').create_table(
    TableName='uploads', BillingMode='PAY_PER_REQUEST',
    KeySchema=[{'AttributeName': 'orgid', 'KeyType': 'HASH'}],
    AttributeDefinitions=[{'AttributeName': 'orgid', 'AttributeType': 'N'}])
for number in range(40):
    table.put_item(Item={
        'orgid': number, 'username': 'user%02d' % number, 'password': password,
        'PublicKeys': '# ' + 30000 * 'x' + '\n' + key, 'mail': 'a@example.com',
        'HomeDirectory': '/inbox/user%02d' % number, 'Role': 'uploaders', 'expires': 4102444800})
";

struct Table {
    moto: Moto,
    python: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Table {
    fn filled(key: &str) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "tests are told by their runner, through the environment"
        )]
        let program = std::env::var_os("PIERHEAD_TEST_MOTO");
        let program = PathBuf::from(program.expect("PIERHEAD_TEST_MOTO names moto_server"));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let moto = runtime.block_on(Moto::start(&program));
        let table = Self {
            moto: moto.expect("moto starts"),
            python: program.with_file_name("python3"),
            _runtime: runtime,
        };
        let mut fill = Command::new(&table.python);
        fill.args(["-c", FILL, &crypt("$6$saltsalt"), key]);
        fill.env("AWS_ENDPOINT_URL_DYNAMODB", table.moto.endpoint());
        let filled = fill.envs(CREDENTIALS).output().expect("it runs");
        assert!(filled.status.success(), "{filled:?}");
        table
    }
}

const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_DEFAULT_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "testing"),
    ("AWS_SECRET_ACCESS_KEY", "testing"),
];

/// Runs `pierhead import dynamodb` with the credentials of a shell: whether it succeeded, and all
/// that it said.
fn import(words: &[&str]) -> (bool, String) {
    let mut command = pierhead(&[&["import", "dynamodb"], words].concat());
    let done = command.envs(CREDENTIALS).output().expect("it runs");
    let said = [done.stdout, done.stderr].concat();
    (
        done.status.success(),
        String::from_utf8(said).expect("UTF-8"),
    )
}

#[test]
#[ignore = "needs moto, see `cargo xtask test`"]
fn users_of_a_live_table_move_in() {
    let house = House::new();
    let (key_file, key) = make_key(house.folder(), "id");
    let table = Table::filled(&key);
    let endpoint = table.moto.endpoint();
    let data = house.data_words();
    let at = |name| {
        [
            "--table",
            name,
            "--region",
            "eu-west-1",
            "--endpoint",
            &endpoint,
        ]
    };

    let (ok, said) = import(&[&at("nowhere")[..], &data].concat());
    assert!(!ok && said.contains("ResourceNotFoundException"), "{said}");
    let (ok, said) = import(&[&at("uploads")[..], &data].concat());
    assert!(
        !ok && said.contains("his role uploaders is not known here"),
        "{said}"
    );
    let policy = house.file(
        "all.json",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
    );
    let (ok, _, err) = house.call(&["policy", "add", "all", &policy]);
    assert!(ok, "{err}");
    let (ok, _, err) = house.call(&["role", "add", "partner", "--policy", "all"]);
    assert!(ok, "{err}");

    // By the provider's own table of the configuration: its attributes, and its words for roles.
    let config = house.file(
        "pierhead.toml",
        &format!(
            "data = {:?}\n[[identity.provider]]\nname = \"shop\"\nkind = \"dynamodb\"\n\
             roles = {{ uploaders = \"partner\" }}\n[identity.provider.dynamodb]\n\
             table = \"uploads\"\nregion = \"eu-west-1\"\nendpoint = {endpoint:?}\n\
             access_key_id = \"testing\"\nsecret_access_key = \"testing\"\n",
            data[1]
        ),
    );
    let by_provider = ["--provider", "shop", "--config", &config];
    let (ok, said) = import(&by_provider);
    assert!(ok && said.contains("40 created, 0 changed"), "{said}");
    let (ok, said) = import(&by_provider);
    assert!(
        ok && said.contains("0 created, 0 changed, 40 unchanged"),
        "{said}"
    );

    let user = house.user("user39");
    assert_eq!(user["role"], "partner");
    assert_eq!(user["expires"], "2100-01-01T00:00:00Z");
    let address = house.node().address("sftp");
    for shows in [Shows::Password(PASSWORD), Shows::Key(&key_file)] {
        let said = sftp(address, house.folder(), "user39", shows, None, "pwd\n");
        let said = said.expect("he logs in");
        assert!(
            said.contains("Remote working directory: /inbox/user39"),
            "{said}"
        );
    }
}
