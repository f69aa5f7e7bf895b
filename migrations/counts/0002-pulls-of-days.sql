-- Pulls per day, in UTC: days since the epoch, the last 400 of each repository. As in the other tables, rows with another
-- `registered_at` than that of the repository speak of an earlier one of its name.

CREATE TABLE repository_days (
  repository    TEXT    NOT NULL,
  day           INTEGER NOT NULL,
  registered_at INTEGER NOT NULL,
  pulls         INTEGER NOT NULL,
  PRIMARY KEY (repository, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag_days (
  repository    TEXT    NOT NULL,
  tag           TEXT    NOT NULL,
  day           INTEGER NOT NULL,
  registered_at INTEGER NOT NULL,
  pulls         INTEGER NOT NULL,
  PRIMARY KEY (repository, tag, day)
) STRICT, WITHOUT ROWID;
