-- The account that pushed a tag last. migrations/sqlite/0016-tag-updater.sql describes the column.
ALTER TABLE tags ADD COLUMN updater text COLLATE "C";
