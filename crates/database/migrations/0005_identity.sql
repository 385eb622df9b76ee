-- Who somebody is: what identity providers, second factors and expiry dates need of a user.

-- The provider that he comes from, and what that one knows him by; both NULL for built-in users.
-- A user of a provider is recorded as `name@@provider`.
ALTER TABLE users ADD COLUMN provider TEXT COLLATE {binary};
ALTER TABLE users ADD COLUMN external_id TEXT COLLATE {binary};
-- The name of his role, and a policy document that narrows it.
ALTER TABLE users ADD COLUMN role TEXT COLLATE {binary};
ALTER TABLE users ADD COLUMN session_policy TEXT;
-- What he must show, as AWS Transfer names it; NULL: what his server asks for.
ALTER TABLE users ADD COLUMN methods TEXT COLLATE {binary};
-- The secret of his one-time passwords, sealed, and the last step of which one was taken.
ALTER TABLE users ADD COLUMN totp TEXT;
ALTER TABLE users ADD COLUMN totp_step BIGINT;
-- The networks that he may come from (JSON).
ALTER TABLE users ADD COLUMN networks TEXT NOT NULL DEFAULT '{}';
-- From when on he is kept out.
ALTER TABLE users ADD COLUMN expires BIGINT;
ALTER TABLE users ADD COLUMN last_login BIGINT;

CREATE INDEX users_by_provider ON users (server, provider) WHERE provider IS NOT NULL;
