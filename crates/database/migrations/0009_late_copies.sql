-- Which uploads and renames led to a key: asked for multipart uploads there that no row names.
CREATE INDEX transfers_by_target ON transfers (target_bucket, target_key)
    WHERE target_key IS NOT NULL;
CREATE INDEX moves_by_target ON moves (to_bucket, to_key, started);
