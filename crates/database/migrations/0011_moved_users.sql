-- Users who came from another server: what was said of each there when he was moved last. The next
-- move compares with it, so that what was changed here since stays.
CREATE TABLE moved_users (
    user_id TEXT COLLATE {binary} PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    source TEXT COLLATE {binary} NOT NULL,
    -- All but his password (JSON).
    record TEXT NOT NULL,
    -- A digest of his password's hash; NULL where there was none, or a digest would give it away.
    password TEXT COLLATE {binary},
    moved BIGINT NOT NULL
);

-- Where a key may be used from, and until when (JSON), as `from=` and `expiry-time=` of
-- authorized_keys say.
ALTER TABLE ssh_keys ADD COLUMN bounds TEXT NOT NULL DEFAULT '{}';
