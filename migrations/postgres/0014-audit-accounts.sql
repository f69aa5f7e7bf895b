-- The account of an audit row. migrations/sqlite/0014-audit-accounts.sql describes the column.
ALTER TABLE audit_log ADD COLUMN account_id bigint;
