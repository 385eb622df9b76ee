//! Every key of the configuration, with its default and what it means: the source of
//! `docs/CONFIGURATION.md` and of the names of the `PIERHEAD_*` variables.

use std::fmt::Write as _;

use super::env::variable;

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its full name: `sftp.listen`.
    pub path: &'static str,
    /// Its default as TOML; empty where it has none.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

pub(super) const fn key(path: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        path,
        default,
        meaning,
    }
}

/// All keys, in the order of the documentation.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("data", "\"./pierhead-data\"", "Where a node keeps its embedded database, its control socket and, by default, its files."),
    key("stores", "[]", "Connections to further stores, each a `[[stores]]`; see below."),
    key("database.url", "", "`sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME`. Default: `sqlite://DATA/pierhead.db`."),
    key("database.write_deadline", "\"30s\"", "While the database does not answer, a CLOSE (and whatever else must be written) waits this long for it, then fails."),
    key("storage.kind", "\"local\"", "`local` (a folder of this machine) or `s3`."),
    key("storage.local.root", "", "The folder whose sub-folders are buckets. Default: `DATA/objects`."),
    key("storage.s3.endpoint", "", "The endpoint's URL. Default: Amazon's own for the region."),
    key("storage.s3.sts_endpoint", "", "The URL of STS, which hands out the keys of IAM roles (`pierhead role add --iam-role`). Default: `endpoint`, else Amazon's own for the region."),
    key("storage.s3.role_duration", "\"1h\"", "How long those keys are asked for: `15m` to `12h`, and no longer than the IAM role allows. They are renewed before they end, for as long as a session needs them."),
    key("storage.s3.region", "", "The region. Default: from the environment or the instance."),
    key("storage.s3.path_style", "false", "Buckets in the path instead of the host name. Default: on where an endpoint is given."),
    key("storage.s3.access_key_id", "", "Static credentials, with `secret_access_key`. Default: the AWS credential chain."),
    key("storage.s3.secret_access_key", "", "See `access_key_id`. Better given as a variable."),
    key("storage.s3.encryption", "\"bucket\"", "Encryption at rest: `bucket` (its default), `s3` (SSE-S3), `kms` (SSE-KMS) or `customer` (SSE-C)."),
    key("storage.s3.kms_key_id", "", "For `kms`: the key's id, ARN or alias. Default: the account's key."),
    key("storage.s3.customer_key", "", "For `customer`: 32 bytes in base64. Better given as a variable."),
    key("storage.s3.checksums", "true", "CRC64NVME over every part and object, checked by the store."),
    key("storage.s3.staging_bucket", "", "A bucket for temporary files, tails and pieces of unfinished uploads, which no client reaches. Default: the prefix `.pierhead/` of the bucket that each goes to."),
    key("sftp.listen", "[\"127.0.0.1:2222\"]", "Addresses to listen on; port 0 takes a free one."),
    key("sftp.proxy_listen", "[]", "Addresses to listen on for balancers that speak the PROXY protocol, version 1 or 2: a connection without its header is closed."),
    key("sftp.proxy_trusted", "[]", "The networks of those balancers: `[\"10.0.0.0/24\"]`. A connection from elsewhere is closed."),
    key("sftp.algorithms", "\"default\"", "The algorithm policy: `default`, `aws-2025` (as AWS Transfer's policies of 2024 and 2025), or `legacy` for clients that know SHA-1 only."),
    key("sftp.banner", "", "Text shown before the login."),
    key("sftp.welcome", "", "Text shown after the login."),
    key("sftp.startups_begin", "50", "From this many connections without a login on, some new ones are refused."),
    key("sftp.startups_rate", "30", "Per cent of new connections refused then, rising to all at `startups_full`."),
    key("sftp.startups_full", "200", "From this many connections without a login on, all new ones are refused."),
    key("sftp.startups_per_address", "40", "Of those, from one address; IPv6 counts by /64."),
    key("sftp.max_connections", "10000", "Connections in all."),
    key("sftp.max_connections_per_address", "1000", "Connections from one address."),
    key("sftp.max_sessions_per_user", "100", "Sessions of one user."),
    key("sftp.max_sessions", "10000", "Sessions of this server, all users."),
    key("sftp.max_handles", "256", "Open files and directories of one session."),
    key("sftp.login_grace", "\"1m\"", "From the connection to the login."),
    key("sftp.idle_timeout", "\"30m\"", "A session without a request for this long is ended. Keepalives do not count."),
    key("sftp.max_login_attempts", "6", "Tries to log in on one connection."),
    key("sftp.rename_wait", "\"10s\"", "How long RENAME of a file waits for its copy in the store. Then it answers OK and the copy goes on; the user sees the new name meanwhile."),
    key("sftp.owner_changes", "\"ignore\"", "What becomes of a change of owner or group, which nothing keeps: `ignore` answers OK, `refuse` refuses it unless they are what they are already."),
    key("defence.allow", "[]", "The networks that may connect: `[\"192.0.2.0/24\"]`. All where empty."),
    key("defence.deny", "[]", "The networks that may not, even where they are allowed too."),
    key("defence.exempt", "[\"127.0.0.0/8\", \"::1/128\"]", "Networks that are never scored, banned or slowed for how often they connect: the office, monitoring, a proxy that does not speak the PROXY protocol."),
    key("defence.denied_names", "[\"admin\", \"support\", \"root\", \"ubuntu\", \"tomcat\", \"mysql\", \"solr\", \"postgres\", \"test\", \"user\", \"user1\", \"centos\", \"ec2_user\"]", "User names about which no provider is asked, however they are capitalised. Nobody can log in under them."),
    key("defence.ban_at", "40", "The score of an address (IPv6: of its /64) that ends in a ban. 0: nobody is banned."),
    key("defence.refused_login", "2", "Points of a refused login. The same wrong password again, for the same name from the same address, is not counted."),
    key("defence.denied_name", "10", "Points of a try under a denied name."),
    key("defence.stalled", "4", "Points of a connection that lets `sftp.login_grace` pass without a login."),
    key("defence.protocol_error", "2", "Points of a connection that speaks no SSH or breaks its rules."),
    key("defence.forgiven_every", "\"30s\"", "A score loses a point in this time."),
    key("defence.ban", "\"15m\"", "How long the first ban is. Each that follows soon is twice as long."),
    key("defence.longest_ban", "\"1d\"", "How long a ban that was earned is at most."),
    key("defence.tarpit", "\"5s\"", "How long a refusal is held back at most: the higher the score, the longer. Connections of banned addresses hang twice as long before they are closed."),
    key("defence.tarpit_places", "256", "How many refusals, and how many connections, are held back at most. Takes hold for refusals at the next start."),
    key("defence.connection_burst", "300", "New connections that one address may open at once."),
    key("defence.connection_every", "\"100ms\"", "The time in which one more becomes possible. `\"0ms\"`: no limit."),
    key("defence.attempt_burst", "10", "Tries to log in under one name, from addresses where it has not got in lately, before they are slowed."),
    key("defence.attempt_every", "\"3s\"", "The time in which one more becomes possible at once. `\"0ms\"`: no limit."),
    key("defence.patience", "\"10s\"", "How long such a try is held back at most; it is never refused for what others try."),
    key("defence.familiar", "\"30d\"", "How long an address from which a user got in is no stranger to him: he is not slowed there, and gets in while a neighbour of his is banned."),
    key("password.min_characters", "12", "The fewest characters of a password that is set; 8 bytes at least in any case. Imported hashes are exempt: what they hide is looked at when their user comes, and the log says so where it is weak."),
    key("password.min_different", "5", "The fewest different characters."),
    key("password.names", "[\"pierhead\"]", "Names of the house: passwords made of them, or of the user's own, are refused."),
    key("password.breached_list", "", "A file of passwords that became known: sorted lines of SHA-1 or SHA-256 in hexadecimal, as Have I Been Pwned offers them, with a count behind a colon or without. Looked up where it lies, and opened each time: rename a new one into its place."),
    key("admin.listen", "\"127.0.0.1:8022\"", "Where `/healthz`, `/readyz` and `/metrics` answer; port 0 takes a free one."),
    key("admin.tls.certificate", "", "A PEM file: the certificate, then its chain. Read again when it changes. Plain HTTP where absent."),
    key("admin.tls.key", "", "A PEM file: the private key. Read again when it changes."),
    key("transfer.upload_memory", "\"256MiB\"", "Upload bytes on their way to the store, in the whole process. More than this slows clients down."),
    key("transfer.download_memory", "\"256MiB\"", "Bytes read ahead for downloads, in the whole process."),
    key("transfer.partial_memory", "\"256MiB\"", "Bytes of half-full parts held in memory, in the whole process. Beyond it, those that received nothing for the longest go to staging."),
    key("transfer.parallel_parts", "4", "Parts of one upload sent at the same time."),
    key("transfer.unsaved", "\"16MiB\"", "Bytes of one upload that clients may be told are taken before the store has them: what a node that dies at once can lose of it, and its client sends again. Never less than one part. More lets clients with few requests on their way send faster to distant stores."),
    key("transfer.read_ahead", "\"16MiB\"", "Bytes read ahead for one download."),
    key("transfer.largest_copy", "", "Objects above this are copied by ranges, several at the same time, when they are renamed. Default: what the store copies in one call (S3: 5 GiB)."),
    key("transfer.rewrite_metadata", "false", "Write times and modes that are set of a file that stands into its metadata as well, by a copy onto itself. The database has them in any case."),
    key("transfer.unfinished", "\"resume\"", "What a connection that ends before CLOSE leaves of its uploads: `resume`, what is safe, which its owner continues from any node; or `discard`, nothing."),
    key("transfer.retention", "\"1d\"", "How long an unfinished upload is kept after its last change. Then it is discarded, and an `expired` event tells of it."),
    key("transfer.completeness", "\"off\"", "`declared`: a CLOSE with fewer bytes than the client declared when it opened the file fails, and the file stays unfinished. `off`: it is published; some clients declare more than they send."),
    key("transfer.temporary_suffixes", "[\".filepart\", \".part\", \".tmp\", \".partial\"]", "Files whose names end like this stay private, in staging, until they are renamed. Lower and upper case differ; `[]` turns it off."),
    key("transfer.claim_wait", "\"30s\"", "How long a CLOSE or a removal waits for another change of the same file, on whatever node, before it fails."),
    key("transfer.stale_claim", "\"2m\"", "A change of a file that its node has not said to go on for this long is taken over by who waits for it. The same on all nodes. At least 1m, and twice `node.lease`."),
    key("log.format", "\"human\"", "`human` or `json` (one object a line)."),
    key("log.level", "\"info\"", "`error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,ssh=debug`."),
    key("sweeper.interval", "\"5m\"", "How often one of the nodes looks for what dead ones left: uploads to be committed, kept or cleared away. At least 1s."),
    key("node.lease", "\"10s\"", "A node that has said nothing to the database for this long counts as dead: others take over what it did. It speaks five times as often. The same on all nodes. At least 5s."),
    key("drain.delay", "\"0ms\"", "From SIGTERM on, `/readyz` says 503; for this long new connections are still taken, so that a load balancer can notice first."),
    key("drain.deadline", "\"1m\"", "How long running transfers may go on after that."),
    key("secrets.sealing_key", "", "32 bytes in base64: seals the host keys in the database. They lie there open where absent. Better given as a variable."),
    key("identity.methods", "\"PUBLIC_KEY_OR_PASSWORD\"", "What users have to show who have no methods of their own: `PASSWORD`, `PUBLIC_KEY`, `PUBLIC_KEY_OR_PASSWORD` or `PUBLIC_KEY_AND_PASSWORD`."),
    key("identity.default", "\"builtin\"", "The provider of names that name none (`user@@provider`) and match no pattern. `builtin`: the users of the database."),
    key("identity.patterns", "[]", "Who is asked about names without `@@provider`: `[\"*@corp.example=ldap\"]`, the first that matches. `*` is any text."),
    key("identity.reauthorise", "\"5m\"", "How often users of providers are asked about again while they are in; who is refused then is put out. `0ms`: never."),
    key("identity.outage_grace", "\"1h\"", "How long their sessions go on while their provider does not answer. New logins are refused at once."),
    key("identity.certificate_authorities", "[]", "Files with the public keys of authorities whose SSH user certificates are taken, one a line. Read again when they change."),
    key("identity.revoked_keys", "[]", "Files of revoked keys and certificates, as `ssh-keygen -k` makes them. Read again when they change; one that cannot be read refuses all keys and certificates."),
    key("identity.totp_issuer", "\"Pierhead\"", "What authenticator apps show beside the user's name."),
    key("identity.provider", "[]", "Providers besides the built-in users, each a `[[identity.provider]]`; see below."),
];

/// `docs/CONFIGURATION.md`.
pub fn document() -> String {
    let mut text = String::from(HEAD);
    let mut table = "";
    for key in KEYS {
        let (section, _) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if section != table || text.len() == HEAD.len() {
            let title = if section.is_empty() {
                "Top level".to_owned()
            } else {
                format!("`[{section}]`")
            };
            let _ = write!(
                text,
                "\n## {title}\n\n| key | default | meaning |\n|---|---|---|\n"
            );
            table = section;
        }
        row(key, &mut text);
    }
    for (title, keys) in super::identity::TABLES {
        let _ = write!(text, "\n## `[{title}]`\n\n");
        text.push_str("| key | default | meaning |\n|---|---|---|\n");
        for key in *keys {
            row(key, &mut text);
        }
    }
    text.push_str("\n## `[[stores]]`\n\n| key | default | meaning |\n|---|---|---|\n");
    for key in super::stores::TABLE {
        row(key, &mut text);
    }
    let secret = variable("storage.s3.secret_access_key");
    let _ = write!(
        text,
        "\n## Variables\n\nEvery key has one, but those of `[[identity.provider]]` and `[[stores]]`; for example `storage.s3.secret_access_key` is `{secret}`.\n"
    );
    text
}

fn row(key: &Key, text: &mut String) {
    let name = key.path.rsplit('.').next().unwrap_or(key.path);
    let default = match key.default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let _ = writeln!(text, "| `{name}` | {default} | {} |", key.meaning);
}

const HEAD: &str = "# Configuration\n\n\
    Generated by `pierhead config reference`; do not edit.\n\n\
    `pierhead serve --config FILE` reads one TOML file. `PIERHEAD_*` variables overlay it; they are \
    meant for secrets. Unknown keys and variables are refused. `pierhead config check --config FILE` \
    says whether a file would be accepted.\n";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Config, TlsConfig};

    fn paths(value: &serde_json::Value, prefix: &str, into: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(members) => {
                for (name, member) in members {
                    let path = if prefix.is_empty() {
                        name.clone()
                    } else {
                        format!("{prefix}.{name}")
                    };
                    paths(member, &path, into);
                }
            }
            _ => {
                into.insert(prefix.to_owned());
            }
        }
    }

    #[test]
    fn the_reference_names_exactly_the_keys_that_exist() {
        let mut config = Config::default();
        config.admin.tls = Some(TlsConfig::default());
        let mut known = BTreeSet::new();
        paths(
            &serde_json::to_value(&config).expect("json"),
            "",
            &mut known,
        );
        let documented: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
        assert_eq!(documented, known);
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let lines: String = KEYS
            .iter()
            .filter(|key| !key.default.is_empty() && key.path != "storage.s3.path_style")
            .map(|key| format!("{} = {}\n", key.path, key.default))
            .collect();
        let documented: Config = toml::from_str(&lines).expect("the defaults parse");
        let json = |config: &Config| serde_json::to_value(config).expect("json");
        assert_eq!(json(&documented), json(&Config::default()));
    }

    #[test]
    fn the_document_is_up_to_date() {
        let committed = include_str!("../../../../docs/CONFIGURATION.md");
        assert_eq!(
            committed,
            document(),
            "run: cargo run -- config reference > docs/CONFIGURATION.md"
        );
    }
}
