-- Private files: what only its owner sees. A transfer that was cut off and can be continued
-- (`detached`), or a temporary file that was closed and waits for its name (`staged`).

-- Grows with each session that takes the upload over; what an older one still sends is refused.
ALTER TABLE transfers ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
-- What the store holds of an unfinished upload, as the storage engine wrote it down (JSON), and
-- how many bytes from the start are safe by that.
ALTER TABLE transfers ADD COLUMN progress TEXT;
ALTER TABLE transfers ADD COLUMN safe BIGINT;
-- The last change of its bytes, and when it is given up.
ALTER TABLE transfers ADD COLUMN changed BIGINT;
ALTER TABLE transfers ADD COLUMN expires BIGINT;
-- What the client declared at OPEN, and set since.
ALTER TABLE transfers ADD COLUMN declared BIGINT;
ALTER TABLE transfers ADD COLUMN mtime BIGINT;
ALTER TABLE transfers ADD COLUMN atime BIGINT;
ALTER TABLE transfers ADD COLUMN mode BIGINT;
-- 1: it is published only where nothing stands.
ALTER TABLE transfers ADD COLUMN absent BIGINT NOT NULL DEFAULT 0;
-- A temporary file: the bucket that its object waits in, the key that it is being made at, and
-- that of its last CLOSE, whose size, ETag, version and checksum are the transfer's.
ALTER TABLE transfers ADD COLUMN staging_bucket TEXT COLLATE {binary};
ALTER TABLE transfers ADD COLUMN upload_key TEXT COLLATE {binary};
ALTER TABLE transfers ADD COLUMN staged_key TEXT COLLATE {binary};
-- The name that a temporary file is being given.
ALTER TABLE transfers ADD COLUMN target_bucket TEXT COLLATE {binary};
ALTER TABLE transfers ADD COLUMN target_key TEXT COLLATE {binary};
ALTER TABLE transfers ADD COLUMN target_path TEXT COLLATE {binary};
-- 1: it has ended, and the store may still hold something of it.
ALTER TABLE transfers ADD COLUMN leftovers BIGINT NOT NULL DEFAULT 0;

CREATE INDEX transfers_private ON transfers (owner, bucket, object_key)
    WHERE state IN ('intended', 'publishing', 'detached', 'staged');
CREATE INDEX transfers_expiring ON transfers (expires) WHERE state = 'detached';
CREATE INDEX transfers_leftovers ON transfers (finished) WHERE leftovers = 1;
