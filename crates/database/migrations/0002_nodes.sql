-- Nodes that live, whose upload is whose, and the name of this installation.

-- One row for each run of a node that has neither ended nor been replaced by a later one. It is
-- alive until `expires`.
CREATE TABLE nodes (
    id TEXT COLLATE {binary} PRIMARY KEY,
    name TEXT COLLATE {binary} NOT NULL,
    address TEXT NOT NULL,
    started BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    draining BIGINT NOT NULL
);

CREATE INDEX nodes_by_name ON nodes (name);

-- What nodes of the first schema left belongs to none that lives.
UPDATE transfers SET node = '00000000-0000-0000-0000-000000000000';

-- Since when the object is being put at its key, or when its publisher last said that he is at it.
ALTER TABLE transfers ADD COLUMN publishing BIGINT;

CREATE INDEX transfers_by_node ON transfers (node, started)
    WHERE state IN ('intended', 'publishing');

-- One row, written by whoever opens the database first.
CREATE TABLE installation (
    name TEXT COLLATE {binary} PRIMARY KEY,
    id TEXT COLLATE {binary} NOT NULL
);
