-- The label of the access token that moved or deleted the tag, as it was then. NULL: a password, an anonymous client, a
-- system actor, or an older version of Berth.
ALTER TABLE tag_history ADD COLUMN token_label TEXT;
