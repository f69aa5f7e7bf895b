-- What the Hub-shaped API shows beyond what a registry needs, and what keeps its lists as quick as they are short.
--
--   repositories ─┬── repository_descriptions    texts for people; apart, since a push rewrites the row of its repository
--                 ├─< stars                      who likes it
--                 └   tag_count, star_count, size_bytes
--   namespace_counts                             repositories of a namespace
--   invites                                      organisations ask users to join them
--
-- Counts are kept by triggers, in the transaction of whatever changes what they count.

CREATE TABLE repository_descriptions (
  repository_id INTEGER PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
  short_text    TEXT NOT NULL DEFAULT '',   -- one line
  full_text     TEXT NOT NULL DEFAULT ''    -- Markdown
) STRICT;

CREATE TABLE stars (
  user_id       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  created_at    INTEGER NOT NULL,
  PRIMARY KEY (user_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX stars_by_repository ON stars (repository_id);

CREATE TABLE invites (
  id              TEXT    PRIMARY KEY,      -- UUID
  organisation_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  user_id         INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  team_id         INTEGER REFERENCES teams (id) ON DELETE SET NULL,
  role            TEXT    NOT NULL CHECK (role IN ('owner', 'editor', 'member')),
  inviter         TEXT    NOT NULL,         -- name of the account
  created_at      INTEGER NOT NULL,
  UNIQUE (organisation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_user ON invites (user_id);
CREATE INDEX invites_by_team ON invites (team_id) WHERE team_id IS NOT NULL;

ALTER TABLE repositories ADD COLUMN tag_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN star_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;   -- of the blobs it shows

CREATE TABLE namespace_counts (
  namespace TEXT    PRIMARY KEY,
  public    INTEGER NOT NULL,
  private   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

UPDATE repositories SET
  tag_count = (SELECT count(*) FROM tags WHERE repository_id = repositories.id),
  size_bytes = (
    SELECT coalesce(sum(blobs.size_bytes), 0) FROM blob_links JOIN blobs ON blobs.id = blob_links.blob_id
    WHERE blob_links.repository_id = repositories.id);
INSERT INTO namespace_counts (namespace, public, private)
  SELECT namespace, sum(visibility = 'public'), sum(visibility = 'private') FROM repositories GROUP BY namespace;

CREATE TRIGGER tag_comes AFTER INSERT ON tags BEGIN
  UPDATE repositories SET tag_count = tag_count + 1 WHERE id = NEW.repository_id;
END;
CREATE TRIGGER tag_goes AFTER DELETE ON tags BEGIN
  UPDATE repositories SET tag_count = tag_count - 1 WHERE id = OLD.repository_id;
END;
CREATE TRIGGER star_comes AFTER INSERT ON stars BEGIN
  UPDATE repositories SET star_count = star_count + 1 WHERE id = NEW.repository_id;
END;
CREATE TRIGGER star_goes AFTER DELETE ON stars BEGIN
  UPDATE repositories SET star_count = star_count - 1 WHERE id = OLD.repository_id;
END;
CREATE TRIGGER blob_link_comes AFTER INSERT ON blob_links BEGIN
  UPDATE repositories SET size_bytes = size_bytes + (SELECT size_bytes FROM blobs WHERE id = NEW.blob_id)
    WHERE id = NEW.repository_id;
END;
CREATE TRIGGER blob_link_goes AFTER DELETE ON blob_links BEGIN
  UPDATE repositories SET size_bytes = size_bytes - (SELECT size_bytes FROM blobs WHERE id = OLD.blob_id)
    WHERE id = OLD.repository_id;
END;
CREATE TRIGGER repository_comes AFTER INSERT ON repositories BEGIN
  INSERT INTO namespace_counts (namespace, public, private)
    VALUES (NEW.namespace, NEW.visibility = 'public', NEW.visibility = 'private')
    ON CONFLICT (namespace) DO UPDATE SET public = public + excluded.public, private = private + excluded.private;
END;
CREATE TRIGGER repository_goes AFTER DELETE ON repositories BEGIN
  UPDATE namespace_counts SET
    public = public - (OLD.visibility = 'public'), private = private - (OLD.visibility = 'private')
    WHERE namespace = OLD.namespace;
END;
CREATE TRIGGER repository_is_shown AFTER UPDATE OF visibility ON repositories BEGIN
  UPDATE namespace_counts SET
    public = public + (NEW.visibility = 'public') - (OLD.visibility = 'public'),
    private = private + (NEW.visibility = 'private') - (OLD.visibility = 'private')
    WHERE namespace = NEW.namespace;
END;

CREATE INDEX repositories_by_update ON repositories (namespace, updated_at, name);
CREATE INDEX repositories_public_by_name ON repositories (namespace, name) WHERE visibility = 'public';
CREATE INDEX repositories_public_by_update ON repositories (namespace, updated_at, name) WHERE visibility = 'public';
CREATE INDEX tags_by_update ON tags (repository_id, updated_at, name, manifest_id);
