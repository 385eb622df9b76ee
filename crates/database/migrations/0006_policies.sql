-- What somebody may do: roles and their policies. Users name their role (users.role); one that
-- does not exist lets nobody in.
CREATE TABLE policies (
    name TEXT COLLATE {binary} PRIMARY KEY,
    document TEXT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE roles (
    name TEXT COLLATE {binary} PRIMARY KEY,
    arn TEXT COLLATE {binary} UNIQUE,
    description TEXT NOT NULL,
    store TEXT COLLATE {binary},
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE role_policies (
    role TEXT COLLATE {binary} NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    policy TEXT COLLATE {binary} NOT NULL REFERENCES policies (name),
    position BIGINT NOT NULL,
    PRIMARY KEY (role, policy)
);

CREATE INDEX role_policies_by_policy ON role_policies (policy);
