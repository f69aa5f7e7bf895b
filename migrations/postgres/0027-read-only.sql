-- readable by: 0018
-- Read-only mode. migrations/sqlite/0027-read-only.sql describes the columns. An older program does not obey it.
CREATE TABLE read_only_mode (
  only_row   bigint PRIMARY KEY CHECK (only_row = 1),
  reason     text COLLATE "C" NOT NULL,
  changed_at bigint NOT NULL,
  changed_by text COLLATE "C" NOT NULL
);
