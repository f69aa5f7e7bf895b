-- A push creates its repository with its first blob. When the push ends there, the collector removes the repository once
-- it is empty.
--
-- awaits_manifest is 1 while a repository that a push created has no manifest yet. The first manifest sets it to 0, and so
-- does everything that a user sets on the repository: visibility, immutable tags, description, star, permission. It never
-- becomes 1 again. Repositories that are older than this step, or that a user created, have 0: the collector keeps them.
ALTER TABLE repositories ADD COLUMN awaits_manifest INTEGER NOT NULL DEFAULT 0 CHECK (awaits_manifest IN (0, 1));
CREATE INDEX repositories_awaiting_manifest ON repositories (id, created_at) WHERE awaits_manifest = 1;

CREATE TRIGGER repository_is_used AFTER UPDATE OF updated_at, visibility, immutable_tags, star_count ON repositories
  WHEN OLD.awaits_manifest = 1
BEGIN
  UPDATE repositories SET awaits_manifest = 0 WHERE id = NEW.id;
END;
CREATE TRIGGER repository_is_described AFTER INSERT ON repository_descriptions BEGIN
  UPDATE repositories SET awaits_manifest = 0 WHERE id = NEW.repository_id AND awaits_manifest = 1;
END;
CREATE TRIGGER repository_is_granted_to_user AFTER INSERT ON collaborators BEGIN
  UPDATE repositories SET awaits_manifest = 0 WHERE id = NEW.repository_id AND awaits_manifest = 1;
END;
CREATE TRIGGER repository_is_granted_to_team AFTER INSERT ON team_permissions BEGIN
  UPDATE repositories SET awaits_manifest = 0 WHERE id = NEW.repository_id AND awaits_manifest = 1;
END;
