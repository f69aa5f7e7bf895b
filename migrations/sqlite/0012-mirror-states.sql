-- Why the upstream of a mirror does not work, as the process saw it that asked last.
CREATE TABLE mirror_states (
  namespace  TEXT    NOT NULL PRIMARY KEY,
  reason     TEXT,               -- NULL: it works
  changed_at INTEGER NOT NULL    -- milliseconds since the epoch
) STRICT, WITHOUT ROWID;
