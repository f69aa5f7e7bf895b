-- The header `Authorization` of the deliveries of a webhook, encrypted for the origin of its URL; null: none is sent.
ALTER TABLE webhooks ADD COLUMN auth_header BLOB;
