-- Renames: written before the first copy, ended with the commit of the last. While a row is
-- 'moving', its owner sees the new name and not the old one.
CREATE TABLE moves (
    id TEXT COLLATE {binary} PRIMARY KEY,
    parent TEXT COLLATE {binary},
    kind TEXT COLLATE {binary} NOT NULL,
    state TEXT COLLATE {binary} NOT NULL,
    owner TEXT COLLATE {binary} NOT NULL,
    user_name TEXT COLLATE {binary} NOT NULL,
    server TEXT COLLATE {binary} NOT NULL,
    session TEXT COLLATE {binary} NOT NULL,
    protocol TEXT COLLATE {binary} NOT NULL,
    address TEXT COLLATE {binary} NOT NULL,
    node TEXT COLLATE {binary} NOT NULL,
    from_bucket TEXT COLLATE {binary} NOT NULL,
    from_key TEXT COLLATE {binary} NOT NULL,
    from_path TEXT COLLATE {binary} NOT NULL,
    to_bucket TEXT COLLATE {binary} NOT NULL,
    to_key TEXT COLLATE {binary} NOT NULL,
    to_path TEXT COLLATE {binary} NOT NULL,
    overwrite BIGINT NOT NULL,
    etag TEXT,
    version TEXT,
    size BIGINT,
    last_modified BIGINT,
    mtime BIGINT,
    atime BIGINT,
    mode BIGINT,
    upload_id TEXT,
    started BIGINT NOT NULL,
    finished BIGINT,
    error TEXT
);

CREATE INDEX moves_in_progress ON moves (owner, started) WHERE state = 'moving';
