-- Two column types: BIGINT (numbers, microseconds since 1970, 0/1) and TEXT (names, ids, JSON).
-- What is compared or ordered as bytes is COLLATE {binary}.

CREATE TABLE servers (
    id TEXT COLLATE {binary} PRIMARY KEY,
    name TEXT COLLATE {binary} NOT NULL UNIQUE,
    listeners TEXT NOT NULL,
    algorithm_policy TEXT NOT NULL,
    banner_before_login TEXT,
    banner_after_login TEXT,
    limits TEXT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE host_keys (
    id TEXT COLLATE {binary} PRIMARY KEY,
    server TEXT COLLATE {binary} NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    algorithm TEXT COLLATE {binary} NOT NULL,
    private_key TEXT NOT NULL,
    fingerprint TEXT COLLATE {binary} NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (server, fingerprint)
);

CREATE TABLE user_groups (
    id TEXT COLLATE {binary} PRIMARY KEY,
    server TEXT COLLATE {binary} NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    name TEXT COLLATE {binary} NOT NULL,
    description TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (server, name)
);

CREATE TABLE users (
    id TEXT COLLATE {binary} PRIMARY KEY,
    server TEXT COLLATE {binary} NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    name TEXT COLLATE {binary} NOT NULL,
    user_group TEXT COLLATE {binary} REFERENCES user_groups (id),
    password_hash TEXT,
    home_type TEXT NOT NULL,
    home_directory TEXT NOT NULL,
    mappings TEXT NOT NULL,
    permissions TEXT NOT NULL,
    limits TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    UNIQUE (server, name)
);

CREATE TABLE ssh_keys (
    id TEXT COLLATE {binary} PRIMARY KEY,
    user_id TEXT COLLATE {binary} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    algorithm TEXT COLLATE {binary} NOT NULL,
    body TEXT COLLATE {binary} NOT NULL,
    fingerprint TEXT COLLATE {binary} NOT NULL,
    comment TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (user_id, fingerprint)
);

-- Users may go; what they did stays. So there are no references to users from here on.
CREATE TABLE transfers (
    id TEXT COLLATE {binary} PRIMARY KEY,
    bucket TEXT COLLATE {binary} NOT NULL,
    object_key TEXT COLLATE {binary} NOT NULL,
    path TEXT COLLATE {binary} NOT NULL,
    owner TEXT COLLATE {binary} NOT NULL,
    server TEXT COLLATE {binary} NOT NULL,
    session TEXT COLLATE {binary} NOT NULL,
    node TEXT COLLATE {binary} NOT NULL,
    state TEXT COLLATE {binary} NOT NULL,
    base_etag TEXT,
    upload_id TEXT,
    started BIGINT NOT NULL,
    finished BIGINT,
    size BIGINT,
    etag TEXT,
    version TEXT,
    crc64nvme TEXT,
    error TEXT
);

CREATE INDEX transfers_unfinished ON transfers (started, node)
    WHERE state IN ('intended', 'publishing');
CREATE INDEX transfers_by_object ON transfers (bucket, object_key, started);
CREATE INDEX transfers_by_owner ON transfers (owner, started);

-- The fence: who may change the object at a key now, and how often that was granted. `sequence`
-- numbers the events of the key.
CREATE TABLE publications (
    bucket TEXT COLLATE {binary} NOT NULL,
    object_key TEXT COLLATE {binary} NOT NULL,
    generation BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    holder TEXT COLLATE {binary},
    node TEXT COLLATE {binary} NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (bucket, object_key)
);

CREATE TABLE attributes (
    bucket TEXT COLLATE {binary} NOT NULL,
    object_key TEXT COLLATE {binary} NOT NULL,
    etag TEXT COLLATE {binary} NOT NULL,
    last_modified BIGINT,
    version TEXT,
    transfer TEXT COLLATE {binary},
    mtime BIGINT,
    atime BIGINT,
    mode BIGINT,
    uid BIGINT,
    gid BIGINT,
    PRIMARY KEY (bucket, object_key)
);

CREATE TABLE audit (
    id TEXT COLLATE {binary} PRIMARY KEY,
    time BIGINT NOT NULL,
    server TEXT COLLATE {binary},
    user_id TEXT COLLATE {binary},
    user_name TEXT COLLATE {binary},
    session TEXT COLLATE {binary},
    protocol TEXT COLLATE {binary},
    address TEXT COLLATE {binary},
    action TEXT COLLATE {binary} NOT NULL,
    path TEXT COLLATE {binary},
    outcome TEXT COLLATE {binary} NOT NULL,
    detail TEXT NOT NULL
);

CREATE INDEX audit_by_time ON audit (time, id);
CREATE INDEX audit_by_user ON audit (user_id, time);

CREATE TABLE events (
    id TEXT COLLATE {binary} PRIMARY KEY,
    kind TEXT COLLATE {binary} NOT NULL,
    time BIGINT NOT NULL,
    bucket TEXT COLLATE {binary},
    object_key TEXT COLLATE {binary},
    sequence BIGINT NOT NULL,
    payload TEXT NOT NULL
);

CREATE INDEX events_by_time ON events (time, id);
CREATE INDEX events_by_object ON events (bucket, object_key, sequence);

CREATE TABLE counters (
    name TEXT COLLATE {binary} PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counters (name, value) VALUES ('revocation', 0);

CREATE TABLE leases (
    name TEXT COLLATE {binary} PRIMARY KEY,
    holder TEXT COLLATE {binary} NOT NULL,
    expires BIGINT NOT NULL
);
