-- Since when the pull counters know all pulls. A tag without a recorded pull counts as used at that time: this file may
-- have been lost, or the tag was copied from another registry.
CREATE TABLE pulls_known (
  only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
  since    INTEGER NOT NULL
) STRICT;
INSERT INTO pulls_known (only_row, since) VALUES (1, CAST(unixepoch('subsec') * 1000 AS INTEGER));
