-- readable by: 0018
-- Retention: which tags stay, and how long manifests without a tag stay. The rules of a repository replace those of its
-- namespace.
CREATE TABLE retention_policies (
  scope         text COLLATE "C" NOT NULL PRIMARY KEY, -- 'team' for a namespace, 'team/app' for a repository
  repository_id bigint UNIQUE REFERENCES repositories (id) ON DELETE CASCADE, -- NULL: the policy of a namespace
  rules         text COLLATE "C" NOT NULL,             -- JSON: an array of rules
  untagged_days bigint,                                -- NULL: manifests without a tag stay
  changed_at    bigint NOT NULL,
  changed_by    text COLLATE "C" NOT NULL              -- the name of an account; '' for an anonymous client
);

-- Since when the pull counters know all pulls. A tag without a recorded pull counts as used at that time: the counters
-- may have been lost, or the tag was copied from another registry.
CREATE TABLE pulls_known (
  only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 1),
  since    bigint   NOT NULL
);
INSERT INTO pulls_known (only_row, since) VALUES (1, CAST(extract(epoch FROM now()) * 1000 AS bigint));
