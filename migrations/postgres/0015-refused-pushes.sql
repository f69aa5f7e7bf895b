-- Repositories without a manifest. migrations/sqlite/0015-refused-pushes.sql describes the column and what sets it to 0.
ALTER TABLE repositories ADD COLUMN awaits_manifest smallint NOT NULL DEFAULT 0 CHECK (awaits_manifest IN (0, 1));
CREATE INDEX repositories_awaiting_manifest ON repositories (id, created_at) WHERE awaits_manifest = 1;

-- BEFORE, so that the row is written once.
CREATE FUNCTION use_repository() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.awaits_manifest := 0;
  RETURN NEW;
END $$;
CREATE TRIGGER repository_is_used BEFORE UPDATE OF updated_at, visibility, immutable_tags, star_count ON repositories
  FOR EACH ROW WHEN (OLD.awaits_manifest = 1) EXECUTE FUNCTION use_repository();

CREATE FUNCTION use_repository_of_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE repositories SET awaits_manifest = 0 WHERE id = NEW.repository_id AND awaits_manifest = 1;
  RETURN NULL;
END $$;
CREATE TRIGGER repository_is_described AFTER INSERT ON repository_descriptions
  FOR EACH ROW EXECUTE FUNCTION use_repository_of_row();
CREATE TRIGGER repository_is_granted_to_user AFTER INSERT ON collaborators
  FOR EACH ROW EXECUTE FUNCTION use_repository_of_row();
CREATE TRIGGER repository_is_granted_to_team AFTER INSERT ON team_permissions
  FOR EACH ROW EXECUTE FUNCTION use_repository_of_row();
