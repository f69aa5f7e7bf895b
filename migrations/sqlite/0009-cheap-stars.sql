-- A star used to write the whole search document of its repository again, in the writer's thread that every push waits
-- for. Now it leaves a row here, and documents are written again a few at a time (`rankByStars`).

CREATE TABLE search_star_changes (
  repository_id INTEGER PRIMARY KEY   -- its stars are not yet in search_documents
) STRICT;

DROP TRIGGER search_repository_changes;
CREATE TRIGGER search_repository_changes AFTER UPDATE OF visibility, pull_rank ON repositories
  WHEN OLD.visibility <> NEW.visibility OR OLD.pull_rank <> NEW.pull_rank
BEGIN
  UPDATE search_documents SET stars = NEW.star_count, pull_rank = NEW.pull_rank WHERE repository_id = NEW.id;
END;
CREATE TRIGGER search_stars_change AFTER UPDATE OF star_count ON repositories
  WHEN OLD.star_count <> NEW.star_count
BEGIN
  INSERT OR IGNORE INTO search_star_changes (repository_id) VALUES (NEW.id);
END;
CREATE TRIGGER search_stars_go AFTER DELETE ON repositories BEGIN
  DELETE FROM search_star_changes WHERE repository_id = OLD.id;
END;

-- A pusher chooses the platforms of images: a repository is found by its first 100 of a kind. Without a limit every new
-- one would write a document again that has all of them.
DROP TRIGGER facets_of_manifest_come;
CREATE TRIGGER facets_of_manifest_come AFTER INSERT ON manifests BEGIN
  INSERT INTO repository_facets (repository_id, facet, value, uses)
    SELECT NEW.repository_id, facet, value, 1 FROM manifest_facets
    WHERE manifest_id = NEW.id AND length(value) <= 128 AND (
      (SELECT count(*) FROM repository_facets AS held
        WHERE held.repository_id = NEW.repository_id AND held.facet = manifest_facets.facet) < 100
      OR EXISTS (SELECT 1 FROM repository_facets AS held WHERE held.repository_id = NEW.repository_id
        AND held.facet = manifest_facets.facet AND held.value = manifest_facets.value))
    ON CONFLICT (repository_id, facet, value) DO UPDATE SET uses = uses + 1;
END;
DROP TRIGGER facets_of_manifest_change_to;
CREATE TRIGGER facets_of_manifest_change_to
  AFTER UPDATE OF kind, config_media_type, subject_digest, os, architecture, os_version ON manifests
  WHEN OLD.os IS NOT NEW.os OR OLD.architecture IS NOT NEW.architecture OR OLD.os_version IS NOT NEW.os_version
    OR OLD.config_media_type IS NOT NEW.config_media_type OR OLD.kind <> NEW.kind
    OR OLD.subject_digest IS NOT NEW.subject_digest
BEGIN
  INSERT INTO repository_facets (repository_id, facet, value, uses)
    SELECT NEW.repository_id, facet, value, 1 FROM manifest_facets
    WHERE manifest_id = NEW.id AND length(value) <= 128 AND (
      (SELECT count(*) FROM repository_facets AS held
        WHERE held.repository_id = NEW.repository_id AND held.facet = manifest_facets.facet) < 100
      OR EXISTS (SELECT 1 FROM repository_facets AS held WHERE held.repository_id = NEW.repository_id
        AND held.facet = manifest_facets.facet AND held.value = manifest_facets.value))
    ON CONFLICT (repository_id, facet, value) DO UPDATE SET uses = uses + 1;
  DELETE FROM repository_facets WHERE repository_id = NEW.repository_id AND uses = 0;
END;
