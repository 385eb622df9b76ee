//! A shop's own tables, on MariaDB and PostgreSQL.

use std::process::Command;

use testkit::postgres::TestDatabase;

use super::clients::{Shows, sftp};
use super::mariadb::MariaDb;
use super::{House, PASSWORD, crypt};

const MAP: &str = "name = \"login\"\npassword_hash = \"pw\"\nkeys = \"pubkey\"\nexpires = \"until\"\n\
                   enabled = \"active\"\nmax_bytes = \"quota\"\n";

fn table(timestamp: &str, boolean: &str, yes: &str, no: &str) -> String {
    let hash = crypt("$1$saltsalt");
    format!(
        "CREATE TABLE users (id INTEGER, login VARCHAR(64), pw VARCHAR(200), pubkey TEXT, \
         until {timestamp} NULL, active {boolean}, quota BIGINT);\n\
         INSERT INTO users VALUES (1, 'acme', '{hash}', NULL, '2099-01-31 00:00:00', {yes}, 1048576), \
         (2, 'idle', '{hash}', NULL, NULL, {no}, NULL);"
    )
}

/// Moves them in by the query and the map, and lets one of them log in.
fn moves_in(house: &House, url: &str, query: &str) {
    let map = house.file("map.toml", MAP);
    let url_file = house.file("url", url);
    let words = [
        "sql",
        "--url-file",
        &url_file,
        "--query",
        query,
        "--map",
        &map,
        "--home",
        "/inbox/${transfer:UserName}",
    ];
    let out = house.import(&words);
    assert!(
        out.contains("2 created, 0 changed, 0 unchanged, 0 skipped, 0 faults"),
        "{out}"
    );
    assert!(
        house
            .import(&words)
            .contains("0 created, 0 changed, 2 unchanged")
    );
    let acme = house.user("acme");
    assert_eq!(acme["expires"], "2099-01-31T00:00:00Z");
    assert_eq!(acme["limits"]["bytes"], 1_048_576);
    let address = house.node().address("sftp");
    let login = |user: &str, password: &str| {
        let shows = Shows::Password(password);
        sftp(address, house.folder(), user, shows, None, "pwd\n").is_some()
    };
    assert!(login("acme", PASSWORD));
    assert!(!login("acme", "wrong horse"));
    assert!(!login("idle", PASSWORD), "he is not active there");
}

#[test]
fn users_of_a_mariadb_table_move_in() {
    let house = House::new();
    let server = MariaDb::start(house.folder());
    server.run(&format!(
        "CREATE DATABASE shop; USE shop; {} \
         CREATE USER mover@localhost IDENTIFIED BY 'pass'; GRANT ALL ON shop.* TO mover@localhost;",
        table("DATETIME", "TINYINT", "1", "0")
    ));
    let url = server.url("mover", "pass", "shop");
    let query = "SELECT login, pw, pubkey, until, active, quota FROM users";
    moves_in(&house, &url, query);
    // The session reads, whatever the query says.
    let url_file = house.file("url", &url);
    let sql = ["import", "sql", "--url-file", &url_file, "--query"];
    let (ok, _, err) = house.call(&[&sql[..], &["DELETE FROM users"]].concat());
    assert!(!ok && err.contains("the query failed"), "{err}");
    assert!(!err.contains("pass@"), "the password is not told: {err}");
    let (ok, _, err) = house.call(&[&sql[..], &["SELECT login FROM users"]].concat());
    assert!(!ok && err.contains("\"login\" is not a field"), "{err}");
    let wrong = house.file("wrong", &server.url("mover", "other", "shop"));
    let (ok, _, err) = house.call(&["import", "sql", "--url-file", &wrong, "--query", query]);
    assert!(!ok && err.contains("no connection"), "{err}");
}

#[test]
fn users_of_a_postgres_table_move_in() {
    let house = House::new();
    let database = TestDatabase::new();
    let made = Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", database.url(), "-c"])
        .arg(table("TIMESTAMP", "BOOLEAN", "true", "false"))
        .output()
        .expect("psql runs (package postgresql-client)");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let query = "SELECT login, pw, pubkey, until, active, quota FROM users";
    moves_in(&house, database.url(), query);
    let url_file = house.file("url", database.url());
    let delete = "WITH gone AS (DELETE FROM users RETURNING login) SELECT login AS name FROM gone";
    let words = ["import", "sql", "--url-file", &url_file, "--query", delete];
    let (ok, _, err) = house.call(&words);
    assert!(!ok && err.contains("the query failed"), "{err}");
}
