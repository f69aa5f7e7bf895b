-- readable by: 0018
-- migrations/sqlite/0031-webhook-authorization.sql describes the column.
ALTER TABLE webhooks ADD COLUMN auth_header bytea;
