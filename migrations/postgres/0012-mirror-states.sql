-- Why the upstream of a mirror does not work. migrations/sqlite/0012-mirror-states.sql describes the columns.
CREATE TABLE mirror_states (
  namespace  text COLLATE "C" NOT NULL PRIMARY KEY,
  reason     text COLLATE "C",
  changed_at bigint NOT NULL
);
