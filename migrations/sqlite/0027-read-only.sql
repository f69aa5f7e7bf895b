-- Read-only mode: while the row is there, servers reject pushes, deletions and changes of repositories.
CREATE TABLE read_only_mode (
  only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
  reason     TEXT    NOT NULL,   -- for people; '': none
  changed_at INTEGER NOT NULL,   -- milliseconds since the epoch
  changed_by TEXT    NOT NULL    -- the name of an account, or 'berth'
) STRICT;
