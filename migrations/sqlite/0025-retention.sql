-- Retention: which tags stay, and how long manifests without a tag stay. The rules of a repository replace those of its
-- namespace.
CREATE TABLE retention_policies (
  scope         TEXT    NOT NULL PRIMARY KEY, -- 'team' for a namespace, 'team/app' for a repository
  repository_id INTEGER UNIQUE REFERENCES repositories (id) ON DELETE CASCADE, -- NULL: the policy of a namespace
  rules         TEXT    NOT NULL,             -- JSON: an array of rules
  untagged_days INTEGER,                      -- NULL: manifests without a tag stay
  changed_at    INTEGER NOT NULL,
  changed_by    TEXT    NOT NULL              -- the name of an account; '' for an anonymous client
) STRICT, WITHOUT ROWID;
