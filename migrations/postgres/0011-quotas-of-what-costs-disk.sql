-- The bytes that an upload may hold. migrations/sqlite/0011-quotas-of-what-costs-disk.sql describes the column.
ALTER TABLE uploads ADD COLUMN reserved_bytes bigint NOT NULL DEFAULT 0;
CREATE INDEX uploads_by_repository ON uploads (repository, reserved_bytes);
CREATE INDEX uploads_by_account ON uploads (account_id, touched_at);
