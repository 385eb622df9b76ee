//! The next versions of this program, made up: built into it for tests of upgrades, and told apart by
//! the name that it is called by.

use std::path::Path;

use database::{NextMigration, schema_version};

/// What goes with the version before: columns with a default, a table, an index.
const EXPAND: &str = "ALTER TABLE transfers ADD COLUMN made_up TEXT; \
                      ALTER TABLE users ADD COLUMN made_up BIGINT NOT NULL DEFAULT 7; \
                      ALTER TABLE publications ADD COLUMN made_up TEXT; \
                      CREATE TABLE made_up (id TEXT COLLATE {binary} PRIMARY KEY); \
                      CREATE INDEX transfers_by_made_up ON transfers (made_up)";
/// What no program uses any more that knows the first.
const CONTRACT: &str = "DROP INDEX transfers_by_made_up; \
                        ALTER TABLE transfers DROP COLUMN made_up; \
                        ALTER TABLE users DROP COLUMN made_up; \
                        ALTER TABLE publications DROP COLUMN made_up; \
                        DROP TABLE made_up";

/// The migrations that the program of this name brings besides its own: `pierhead-next` expands the
/// schema, `pierhead-after-next` contracts it as well, every other name brings none.
pub fn migrations(program: &Path) -> Vec<NextMigration> {
    let expand = migration(EXPAND, schema_version());
    if program.ends_with("pierhead-next") {
        vec![expand]
    } else if program.ends_with("pierhead-after-next") {
        vec![expand, migration(CONTRACT, schema_version() + 1)]
    } else {
        Vec::new()
    }
}

/// Those of this process.
pub(crate) fn own_migrations() -> Vec<NextMigration> {
    let name = std::env::args_os().next().unwrap_or_default();
    migrations(Path::new(&name))
}

fn migration(script: &str, compatible_from: u64) -> NextMigration {
    NextMigration {
        script: script.to_owned(),
        compatible_from: Some(compatible_from),
    }
}
