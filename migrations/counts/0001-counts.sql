-- How often, and when last. A file of its own: it is written without a flush, and a crash may cost it some seconds.
--
--   repository_counts ── repositories (by name)
--   tag_counts        ── tags (by name)
--
-- A repository that is made again under a name begins at nothing: `registered_at` is its `created_at`, and rows with
-- another speak of an earlier one.

CREATE TABLE repository_counts (
  repository     TEXT    PRIMARY KEY,
  registered_at  INTEGER NOT NULL,
  pulls          INTEGER NOT NULL,
  pushes         INTEGER NOT NULL,
  last_pulled_at INTEGER,
  last_pushed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tag_counts (
  repository     TEXT    NOT NULL,
  tag            TEXT    NOT NULL,
  registered_at  INTEGER NOT NULL,
  pulls          INTEGER NOT NULL,
  pushes         INTEGER NOT NULL,
  last_pulled_at INTEGER,
  last_pushed_at INTEGER,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
