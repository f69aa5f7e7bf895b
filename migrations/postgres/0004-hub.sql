-- What the Hub-shaped API shows: descriptions, stars, invites and counts. migrations/sqlite/0004-hub.sql describes the
-- columns, and migrations/counts/0001-counts.sql those of the pull counters, which are in this database too.
--
-- Triggers keep the counts. Rows that come one by one are counted one by one. Rows that go are counted once per
-- statement, because the deletion of a repository may delete 100,000 of them. All trigger functions are PL/pgSQL, whose
-- plans each connection keeps.

CREATE TABLE repository_descriptions (
  repository_id bigint PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
  short_text    text COLLATE "C" NOT NULL DEFAULT '',
  full_text     text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TABLE stars (
  user_id       bigint NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  repository_id bigint NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  created_at    bigint NOT NULL,
  PRIMARY KEY (user_id, repository_id)
);
CREATE INDEX stars_by_repository ON stars (repository_id);

CREATE TABLE invites (
  id              text COLLATE "C" PRIMARY KEY,
  organisation_id bigint NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  user_id         bigint NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  team_id         bigint REFERENCES teams (id) ON DELETE SET NULL,
  role            text COLLATE "C" NOT NULL CHECK (role IN ('owner', 'editor', 'member')),
  inviter         text COLLATE "C" NOT NULL,
  created_at      bigint NOT NULL,
  UNIQUE (organisation_id, user_id)
);
CREATE INDEX invites_by_user ON invites (user_id);
CREATE INDEX invites_by_team ON invites (team_id) WHERE team_id IS NOT NULL;

ALTER TABLE repositories
  ADD COLUMN tag_count bigint NOT NULL DEFAULT 0,
  ADD COLUMN star_count bigint NOT NULL DEFAULT 0,
  ADD COLUMN size_bytes bigint NOT NULL DEFAULT 0;

CREATE TABLE namespace_counts (
  namespace text COLLATE "C" PRIMARY KEY,
  public    bigint NOT NULL,
  private   bigint NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX repositories_by_update ON repositories (namespace, updated_at, name);
CREATE INDEX repositories_public_by_name ON repositories (namespace, name) WHERE visibility = 'public';
CREATE INDEX repositories_public_by_update ON repositories (namespace, updated_at, name) WHERE visibility = 'public';
CREATE INDEX tags_by_update ON tags (repository_id, updated_at, name, manifest_id);

CREATE FUNCTION count_new_tag() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE repositories SET tag_count = tag_count + 1 WHERE id = NEW.repository_id;
  RETURN NULL;
END $$;
CREATE TRIGGER tag_comes AFTER INSERT ON tags FOR EACH ROW EXECUTE FUNCTION count_new_tag();

CREATE FUNCTION count_deleted_tags() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE repositories SET tag_count = tag_count - gone.number
    FROM (SELECT repository_id, count(*) AS number FROM deleted GROUP BY repository_id) AS gone
    WHERE repositories.id = gone.repository_id;
  RETURN NULL;
END $$;
CREATE TRIGGER tag_goes AFTER DELETE ON tags REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_tags();

CREATE FUNCTION count_new_star() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE repositories SET star_count = star_count + 1 WHERE id = NEW.repository_id;
  RETURN NULL;
END $$;
CREATE TRIGGER star_comes AFTER INSERT ON stars FOR EACH ROW EXECUTE FUNCTION count_new_star();

-- The rows are locked in the order of their ids: an account that is deleted may have starred many repositories.
CREATE FUNCTION count_deleted_stars() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM 1 FROM repositories WHERE id IN (SELECT repository_id FROM deleted) ORDER BY id FOR NO KEY UPDATE;
  UPDATE repositories SET star_count = star_count - gone.number
    FROM (SELECT repository_id, count(*) AS number FROM deleted GROUP BY repository_id) AS gone
    WHERE repositories.id = gone.repository_id;
  RETURN NULL;
END $$;
CREATE TRIGGER star_goes AFTER DELETE ON stars REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_stars();

CREATE FUNCTION count_new_blob_link() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE repositories SET size_bytes = size_bytes + (SELECT blobs.size_bytes FROM blobs WHERE blobs.id = NEW.blob_id)
    WHERE id = NEW.repository_id;
  RETURN NULL;
END $$;
CREATE TRIGGER blob_link_comes AFTER INSERT ON blob_links FOR EACH ROW EXECUTE FUNCTION count_new_blob_link();

CREATE FUNCTION count_deleted_blob_links() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE repositories SET size_bytes = repositories.size_bytes - gone.bytes
    FROM (
      SELECT deleted.repository_id, CAST(sum(blobs.size_bytes) AS bigint) AS bytes
      FROM deleted JOIN blobs ON blobs.id = deleted.blob_id GROUP BY deleted.repository_id) AS gone
    WHERE repositories.id = gone.repository_id;
  RETURN NULL;
END $$;
CREATE TRIGGER blob_link_goes AFTER DELETE ON blob_links REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_blob_links();

CREATE FUNCTION count_new_repository() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO namespace_counts AS counts (namespace, public, private)
    VALUES (NEW.namespace, CAST(NEW.visibility = 'public' AS int), CAST(NEW.visibility = 'private' AS int))
    ON CONFLICT (namespace) DO UPDATE
      SET public = counts.public + excluded.public, private = counts.private + excluded.private;
  RETURN NULL;
END $$;
-- Deferred to the COMMIT: pushes that create repositories in one namespace wait for each other only there.
CREATE CONSTRAINT TRIGGER repository_comes AFTER INSERT ON repositories DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION count_new_repository();

CREATE FUNCTION count_deleted_repository() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE namespace_counts SET
    public = public - CAST(OLD.visibility = 'public' AS int), private = private - CAST(OLD.visibility = 'private' AS int)
    WHERE namespace = OLD.namespace;
  RETURN NULL;
END $$;
CREATE TRIGGER repository_goes AFTER DELETE ON repositories FOR EACH ROW EXECUTE FUNCTION count_deleted_repository();

CREATE FUNCTION count_shown_repository() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE namespace_counts SET
    public = public + CAST(NEW.visibility = 'public' AS int) - CAST(OLD.visibility = 'public' AS int),
    private = private + CAST(NEW.visibility = 'private' AS int) - CAST(OLD.visibility = 'private' AS int)
    WHERE namespace = NEW.namespace;
  RETURN NULL;
END $$;
CREATE TRIGGER repository_is_shown AFTER UPDATE OF visibility ON repositories FOR EACH ROW
  WHEN (OLD.visibility <> NEW.visibility) EXECUTE FUNCTION count_shown_repository();

-- The pull counters. Each replica changes the rows of all that it served every 2 seconds; no column but the key has an
-- index, so these changes are HOT.
CREATE TABLE repository_counts (
  repository     text COLLATE "C" PRIMARY KEY,
  registered_at  bigint NOT NULL,
  pulls          bigint NOT NULL,
  pushes         bigint NOT NULL,
  last_pulled_at bigint,
  last_pushed_at bigint
) WITH (fillfactor = 70);

CREATE TABLE tag_counts (
  repository     text COLLATE "C" NOT NULL,
  tag            text COLLATE "C" NOT NULL,
  registered_at  bigint NOT NULL,
  pulls          bigint NOT NULL,
  pushes         bigint NOT NULL,
  last_pulled_at bigint,
  last_pushed_at bigint,
  PRIMARY KEY (repository, tag)
) WITH (fillfactor = 70);
