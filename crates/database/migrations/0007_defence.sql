-- Who is kept out, and what earned it: what all nodes know of those who guess.

-- One row for each address or network, in CIDR notation. A ban that was lifted or has run out stays
-- for a while with its end in the past: nodes that follow by `changed` see it end, and the next one
-- is longer (`repeated` counts those before it).
CREATE TABLE bans (
    server TEXT COLLATE {binary} NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    network TEXT COLLATE {binary} NOT NULL,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    -- Who said so; empty where it was earned.
    by_whom TEXT,
    repeated BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (server, network)
);

CREATE INDEX bans_by_change ON bans (server, changed);

-- Sources that offended lately, each with the time at which its score is zero again.
CREATE TABLE scores (
    server TEXT COLLATE {binary} NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    source TEXT COLLATE {binary} NOT NULL,
    clean BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (server, source)
);

CREATE INDEX scores_by_change ON scores (server, changed);

-- Where users got in from, and until when they are no strangers there.
CREATE TABLE familiar (
    server TEXT COLLATE {binary} NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    source TEXT COLLATE {binary} NOT NULL,
    user_name TEXT COLLATE {binary} NOT NULL,
    until BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (server, source, user_name)
);

CREATE INDEX familiar_by_change ON familiar (server, changed);
