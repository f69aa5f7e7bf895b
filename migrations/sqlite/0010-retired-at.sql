-- When a blob became 'deleting', in milliseconds since the epoch; NULL before that. Its bytes stay in the store for a
-- while longer (gc.deleteDelay), since another process may be sending them.
ALTER TABLE blobs ADD COLUMN retired_at INTEGER;
UPDATE blobs SET retired_at = 0 WHERE state = 'deleting';
