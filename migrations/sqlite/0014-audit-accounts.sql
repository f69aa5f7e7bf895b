-- The account that had the name when something happened to it, or in its namespace: an account of the same name that is
-- made later does not see these rows. NULL: there was none, or the row is older than the account that has the name.
ALTER TABLE audit_log ADD COLUMN account_id INTEGER;
UPDATE audit_log SET account_id = (
  SELECT id FROM accounts WHERE accounts.name = audit_log.account AND accounts.created_at <= audit_log.at);
