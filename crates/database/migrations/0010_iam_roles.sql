-- The IAM role that the sessions of a role's users assume at the store. A program that does not
-- know it would serve them by its own credentials, so it may not go on.
ALTER TABLE roles ADD COLUMN iam_role TEXT;
ALTER TABLE roles ADD COLUMN external_id TEXT;
