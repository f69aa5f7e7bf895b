-- The account that pushed the tag last, also when it pushed the digest that the tag has. Empty: an anonymous client.
-- NULL: pushed by an older version of Berth; then the last entry of tag_history names the account.
ALTER TABLE tags ADD COLUMN updater TEXT;
