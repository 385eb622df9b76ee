-- How much somebody may have: rights and limits of groups, and what is used of quotas.

-- What every member of a group may do at most, and have at most.
ALTER TABLE user_groups ADD COLUMN permissions TEXT NOT NULL DEFAULT 'all';
ALTER TABLE user_groups ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE user_groups ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;

-- Which objects count for whom: those that he uploaded, and those that were found at his places
-- when they were counted. Written in the transactions that commit uploads, removals and renames.
CREATE TABLE holdings (
    bucket TEXT COLLATE {binary} NOT NULL,
    object_key TEXT COLLATE {binary} NOT NULL,
    owner TEXT COLLATE {binary} NOT NULL,
    size BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (bucket, object_key)
);

CREATE INDEX holdings_by_owner ON holdings (owner, bucket, object_key);

-- The sums of those, by owner, and when his places were counted last.
CREATE TABLE usage (
    owner TEXT COLLATE {binary} PRIMARY KEY,
    bytes BIGINT NOT NULL,
    files BIGINT NOT NULL,
    counted BIGINT
);

-- The bytes that an upload asked for with its claim; they count while it is being published.
ALTER TABLE transfers ADD COLUMN reserved BIGINT;
