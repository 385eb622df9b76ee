//! The columns of each table, by name: a query that asks for `*` gets others than its program
//! knows while a newer one migrates the schema.

/// The columns of a table that this program knows, as a list for SELECT.
macro_rules! columns {
    (attributes) => {
        "bucket, object_key, etag, last_modified, version, transfer, mtime, atime, mode, uid, gid"
    };
    (audit) => {
        "id, time, server, user_id, user_name, session, protocol, address, action, path, outcome, \
         detail"
    };
    (bans) => {
        "server, network, reason, since, until, by_whom, repeated, changed"
    };
    (events) => {
        "id, kind, time, bucket, object_key, sequence, payload"
    };
    (familiar) => {
        "server, source, user_name, until, changed"
    };
    (holdings) => {
        "bucket, object_key, owner, size, changed"
    };
    (host_keys) => {
        "id, server, algorithm, private_key, fingerprint, created"
    };
    (moves) => {
        "id, parent, kind, state, owner, user_name, server, session, protocol, address, node, \
         from_bucket, from_key, from_path, to_bucket, to_key, to_path, overwrite, etag, version, \
         size, last_modified, mtime, atime, mode, upload_id, started, finished, error"
    };
    (moved_users) => {
        "user_id, source, record, password, moved"
    };
    (nodes) => {
        "id, name, address, started, expires, draining"
    };
    (policies) => {
        "name, document, created, changed"
    };
    (role_policies) => {
        "role, policy, position"
    };
    (roles) => {
        "name, arn, description, store, created, changed, iam_role, external_id"
    };
    (scores) => {
        "server, source, clean, changed"
    };
    (servers) => {
        "id, name, listeners, algorithm_policy, banner_before_login, banner_after_login, limits, \
         created, changed"
    };
    (ssh_keys) => {
        "id, user_id, algorithm, body, fingerprint, comment, created, bounds"
    };
    (transfers) => {
        "id, bucket, object_key, path, owner, server, session, node, state, base_etag, upload_id, \
         started, finished, size, etag, version, crc64nvme, error, publishing, epoch, progress, \
         safe, changed, expires, declared, mtime, atime, mode, absent, staging_bucket, upload_key, \
         staged_key, target_bucket, target_key, target_path, leftovers, reserved"
    };
    (usage) => {
        "owner, bytes, files, counted"
    };
    (user_groups) => {
        "id, server, name, description, created, permissions, limits, changed"
    };
    (users) => {
        "id, server, name, user_group, password_hash, home_type, home_directory, mappings, \
         permissions, limits, disabled, created, changed, provider, external_id, role, \
         session_policy, methods, totp, totp_step, networks, expires, last_login"
    };
}

pub(crate) use columns;

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, SqlSafeStr};

    use crate::query::Query;
    use crate::{Database, DatabaseUrl, Settings};

    #[tokio::test]
    async fn each_table_has_these_columns_and_no_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("pierhead.db"));
        let database = Database::open(&url, Settings::default()).await;
        let database = database.expect("SQLite");
        for (table, columns) in [
            ("attributes", columns!(attributes)),
            ("audit", columns!(audit)),
            ("bans", columns!(bans)),
            ("events", columns!(events)),
            ("familiar", columns!(familiar)),
            ("holdings", columns!(holdings)),
            ("host_keys", columns!(host_keys)),
            ("moves", columns!(moves)),
            ("moved_users", columns!(moved_users)),
            ("nodes", columns!(nodes)),
            ("policies", columns!(policies)),
            ("role_policies", columns!(role_policies)),
            ("roles", columns!(roles)),
            ("scores", columns!(scores)),
            ("servers", columns!(servers)),
            ("ssh_keys", columns!(ssh_keys)),
            ("transfers", columns!(transfers)),
            ("usage", columns!(usage)),
            ("user_groups", columns!(user_groups)),
            ("users", columns!(users)),
        ] {
            let sql = format!(
                "SELECT group_concat(name, ', ') AS names FROM pragma_table_info('{table}')"
            );
            let query = Query::new("list", "columns", AssertSqlSafe(sql).into_sql_str());
            let found = database.engine().fetch_optional(&query).await;
            let found = found.expect("read").expect("a row").text("names");
            assert_eq!(found.expect("text"), columns, "{table}");
        }
    }
}
