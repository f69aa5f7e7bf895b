-- When a blob became 'deleting'. migrations/sqlite/0010-retired-at.sql describes the column.
ALTER TABLE blobs ADD COLUMN retired_at bigint;
