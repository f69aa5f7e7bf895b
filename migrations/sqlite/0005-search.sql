-- What is found, in which order, and by whom.
--
--   repositories ─┬─ search_documents                       its place in the order
--                 ├─< repository_facets >── manifests       what it has images for, and how many name it
--                 └─ search_index (rowid = rank)             words of what is said of it, and tokens of who may read it
--
-- The index keeps no text and no positions. A row's id is its rank, so that the best come first without any sorting,
-- and who may read it stands in the index like a word, so that a page and a count cost the same whoever asks:
-- 'v' for everybody, 'n' and the namespace, 'u' and a user's id, 't' and a team's; names as hexadecimal digits. 'o' is
-- what is official, 'c' all else.
-- Triggers keep all of it in the transaction of what it follows from.

ALTER TABLE repositories ADD COLUMN pull_rank INTEGER NOT NULL DEFAULT 0;   -- logarithm of the pulls
CREATE INDEX repositories_by_pulls ON repositories (namespace, pull_rank, name);
CREATE INDEX repositories_public_by_pulls ON repositories (namespace, pull_rank, name) WHERE visibility = 'public';

CREATE TABLE search_documents (
  repository_id INTEGER PRIMARY KEY CHECK (repository_id BETWEEN 1 AND 4294967295),
  is_official   INTEGER NOT NULL CHECK (is_official IN (0, 1)),
  stars         INTEGER NOT NULL DEFAULT 0,
  pull_rank     INTEGER NOT NULL DEFAULT 0 CHECK (pull_rank BETWEEN 0 AND 127),
  -- Official, stars, pulls, and the older first; below 2^53.
  rank          INTEGER NOT NULL GENERATED ALWAYS AS (
    ((1 - is_official) << 51) | ((4095 - min(stars, 4095)) << 39) | ((127 - pull_rank) << 32) | repository_id
  ) STORED UNIQUE
) STRICT;

CREATE TABLE repository_facets (
  repository_id INTEGER NOT NULL,
  facet         TEXT    NOT NULL CHECK (facet IN ('os', 'architecture', 'os_version', 'type')),
  value         TEXT    NOT NULL,
  uses          INTEGER NOT NULL,   -- manifests that have it
  PRIMARY KEY (repository_id, facet, value)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE search_index USING fts5 (
  name, description, readme, access, facet,
  content = '', contentless_delete = 1, detail = column, prefix = '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16',
  tokenize = 'unicode61 remove_diacritics 2'
);

-- What a manifest says its repository is for. Attestations are for 'unknown'; what refers to something else says nothing.
CREATE VIEW manifest_facets (manifest_id, facet, value) AS
  SELECT id, 'os', os FROM manifests WHERE os <> 'unknown' AND subject_digest IS NULL
  UNION ALL
  SELECT id, 'architecture', architecture FROM manifests WHERE architecture <> 'unknown' AND subject_digest IS NULL
  UNION ALL
  SELECT id, 'os_version', os_version FROM manifests WHERE os_version <> '' AND subject_digest IS NULL
  UNION ALL
  SELECT id, 'type', CASE config_media_type
      WHEN 'application/vnd.oci.image.config.v1+json' THEN 'image'
      WHEN 'application/vnd.docker.container.image.v1+json' THEN 'image'
      WHEN 'application/vnd.docker.plugin.v1+json' THEN 'plugin'
      WHEN 'application/vnd.cncf.helm.config.v1+json' THEN 'helm'
      ELSE 'unrecognized' END
    FROM manifests WHERE kind = 'image' AND subject_digest IS NULL AND coalesce(os, '') <> 'unknown';

CREATE VIEW search_texts (repository_id, name, description, readme, access, facet) AS
  SELECT id, name, short_text, full_text,
    concat_ws(' ',
      CASE visibility WHEN 'public' THEN 'v' END,
      CASE namespace WHEN 'library' THEN 'o' ELSE 'c' END,
      'n' || lower(hex(namespace)),
      (SELECT group_concat('u' || user_id, ' ') FROM collaborators WHERE collaborators.repository_id = repositories.id),
      (SELECT group_concat('t' || team_id, ' ') FROM team_permissions
        WHERE team_permissions.repository_id = repositories.id)),
    (SELECT group_concat(replace(facet, '_', '') || lower(hex(value)), ' ')
      FROM repository_facets WHERE repository_facets.repository_id = repositories.id)
  FROM repositories LEFT JOIN repository_descriptions ON repository_descriptions.repository_id = repositories.id;

CREATE TRIGGER search_document_comes AFTER INSERT ON search_documents BEGIN
  INSERT INTO search_index (rowid, name, description, readme, access, facet)
    SELECT NEW.rank, name, description, readme, access, facet FROM search_texts WHERE repository_id = NEW.repository_id;
END;
-- Also when nothing of the row itself is another: this is how it is told that what it speaks of has changed.
CREATE TRIGGER search_document_changes AFTER UPDATE ON search_documents BEGIN
  DELETE FROM search_index WHERE rowid = OLD.rank;
  INSERT INTO search_index (rowid, name, description, readme, access, facet)
    SELECT NEW.rank, name, description, readme, access, facet FROM search_texts WHERE repository_id = NEW.repository_id;
END;
CREATE TRIGGER search_document_goes AFTER DELETE ON search_documents BEGIN
  DELETE FROM search_index WHERE rowid = OLD.rank;
END;

CREATE TRIGGER search_repository_comes AFTER INSERT ON repositories BEGIN
  INSERT INTO search_documents (repository_id, is_official) VALUES (NEW.id, NEW.namespace = 'library');
END;
CREATE TRIGGER search_repository_changes AFTER UPDATE OF visibility, star_count, pull_rank ON repositories
  WHEN OLD.visibility <> NEW.visibility OR OLD.star_count <> NEW.star_count OR OLD.pull_rank <> NEW.pull_rank
BEGIN
  UPDATE search_documents SET stars = NEW.star_count, pull_rank = NEW.pull_rank WHERE repository_id = NEW.id;
END;
CREATE TRIGGER search_repository_goes AFTER DELETE ON repositories BEGIN
  DELETE FROM search_documents WHERE repository_id = OLD.id;
  DELETE FROM repository_facets WHERE repository_id = OLD.id;
END;

CREATE TRIGGER search_description_comes AFTER INSERT ON repository_descriptions BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = NEW.repository_id;
END;
CREATE TRIGGER search_description_changes AFTER UPDATE ON repository_descriptions BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = NEW.repository_id;
END;
CREATE TRIGGER search_description_goes AFTER DELETE ON repository_descriptions BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = OLD.repository_id;
END;

CREATE TRIGGER search_collaborator_comes AFTER INSERT ON collaborators BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = NEW.repository_id;
END;
CREATE TRIGGER search_collaborator_goes AFTER DELETE ON collaborators BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = OLD.repository_id;
END;
CREATE TRIGGER search_team_comes AFTER INSERT ON team_permissions BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = NEW.repository_id;
END;
CREATE TRIGGER search_team_goes AFTER DELETE ON team_permissions BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = OLD.repository_id;
END;

CREATE TRIGGER facets_of_manifest_come AFTER INSERT ON manifests BEGIN
  INSERT INTO repository_facets (repository_id, facet, value, uses)
    SELECT NEW.repository_id, facet, value, 1 FROM manifest_facets WHERE manifest_id = NEW.id
    ON CONFLICT (repository_id, facet, value) DO UPDATE SET uses = uses + 1;
END;
CREATE TRIGGER facets_of_manifest_go BEFORE DELETE ON manifests BEGIN
  UPDATE repository_facets SET uses = uses - 1 WHERE repository_id = OLD.repository_id
    AND (facet, value) IN (SELECT facet, value FROM manifest_facets WHERE manifest_id = OLD.id);
  DELETE FROM repository_facets WHERE repository_id = OLD.repository_id AND uses = 0;
END;
-- A manifest that is pushed again says what it said, unless its config came only later.
CREATE TRIGGER facets_of_manifest_change_from
  BEFORE UPDATE OF kind, config_media_type, subject_digest, os, architecture, os_version ON manifests
  WHEN OLD.os IS NOT NEW.os OR OLD.architecture IS NOT NEW.architecture OR OLD.os_version IS NOT NEW.os_version
    OR OLD.config_media_type IS NOT NEW.config_media_type OR OLD.kind <> NEW.kind
    OR OLD.subject_digest IS NOT NEW.subject_digest
BEGIN
  UPDATE repository_facets SET uses = uses - 1 WHERE repository_id = OLD.repository_id
    AND (facet, value) IN (SELECT facet, value FROM manifest_facets WHERE manifest_id = OLD.id);
END;
CREATE TRIGGER facets_of_manifest_change_to
  AFTER UPDATE OF kind, config_media_type, subject_digest, os, architecture, os_version ON manifests
  WHEN OLD.os IS NOT NEW.os OR OLD.architecture IS NOT NEW.architecture OR OLD.os_version IS NOT NEW.os_version
    OR OLD.config_media_type IS NOT NEW.config_media_type OR OLD.kind <> NEW.kind
    OR OLD.subject_digest IS NOT NEW.subject_digest
BEGIN
  INSERT INTO repository_facets (repository_id, facet, value, uses)
    SELECT NEW.repository_id, facet, value, 1 FROM manifest_facets WHERE manifest_id = NEW.id
    ON CONFLICT (repository_id, facet, value) DO UPDATE SET uses = uses + 1;
  DELETE FROM repository_facets WHERE repository_id = NEW.repository_id AND uses = 0;
END;
CREATE TRIGGER search_facet_comes AFTER INSERT ON repository_facets BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = NEW.repository_id;
END;
CREATE TRIGGER search_facet_goes AFTER DELETE ON repository_facets BEGIN
  UPDATE search_documents SET stars = stars WHERE repository_id = OLD.repository_id;
END;

-- What is here already, facets first.
INSERT INTO repository_facets (repository_id, facet, value, uses)
  SELECT manifests.repository_id, facet, value, count(*)
  FROM manifest_facets JOIN manifests ON manifests.id = manifest_facets.manifest_id
  GROUP BY manifests.repository_id, facet, value;
INSERT INTO search_documents (repository_id, is_official, stars) SELECT id, namespace = 'library', star_count FROM repositories;
