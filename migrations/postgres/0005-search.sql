-- The full-text index of repositories: the column `words` of their search documents, with a GIN index.
-- migrations/sqlite/0005-search.sql describes the other columns.
--
-- `words` has the words of the name, the description and the README, folded by `search_words`; and lexemes that begin
-- with '@', which no word does: '@v' where all may read, '@n:NAMESPACE', '@u:ID' and '@t:ID' for a user and a team with
-- a permission, '@o' for official, '@c' for all others, and '@f:FACET:VALUE'. So a page and a count cost the same for
-- each principal.

ALTER TABLE repositories ADD COLUMN pull_rank bigint NOT NULL DEFAULT 0;
CREATE INDEX repositories_by_pulls ON repositories (namespace, pull_rank, name);
CREATE INDEX repositories_public_by_pulls ON repositories (namespace, pull_rank, name) WHERE visibility = 'public';

CREATE TABLE search_documents (
  repository_id bigint PRIMARY KEY CHECK (repository_id BETWEEN 1 AND 4294967295),
  is_official   smallint NOT NULL CHECK (is_official IN (0, 1)),
  stars         bigint NOT NULL DEFAULT 0,
  pull_rank     bigint NOT NULL DEFAULT 0 CHECK (pull_rank BETWEEN 0 AND 127),
  -- Official, stars, pulls, and the older first; below 2^53.
  rank          bigint NOT NULL GENERATED ALWAYS AS (
    (CAST(1 - is_official AS bigint) << 51) | ((4095 - least(stars, 4095)) << 39) | ((127 - pull_rank) << 32) | repository_id
  ) STORED UNIQUE,
  words         tsvector NOT NULL
);
-- With fastupdate, a search would read the list of pending entries from its beginning to its end.
CREATE INDEX search_documents_by_words ON search_documents USING gin (words) WITH (fastupdate = off);

CREATE TABLE repository_facets (
  repository_id bigint NOT NULL,
  facet         text COLLATE "C" NOT NULL CHECK (facet IN ('os', 'architecture', 'os_version', 'type')),
  value         text COLLATE "C" NOT NULL,
  uses          bigint NOT NULL,
  PRIMARY KEY (repository_id, facet, value)
) WITH (fillfactor = 70);

-- The words of a text, as FTS5 of SQLite finds them (`unicode61 remove_diacritics 2`): letters and numbers, in lower
-- case and without accents. `foldWord` in src/database/postgres/search-index.ts does the same with a word of a client.
-- A client's word has at most 64 characters and means a prefix, so longer words are cut.
--
-- The classes of letters depend on a collation. The first that exists is taken: Unicode's of PostgreSQL 17, of ICU, of
-- the C library. With the last one, a database with the locale C, only ASCII letters are words.
DO $$ DECLARE
  letters text;
  -- Numbers that are no digits, such as ½ and ④, and characters for private use. [:alnum:] does not have them.
  others CONSTANT text :=
    '\u00b2\u00b3\u00b9\u00bc-\u00be\u09f4-\u09f9\u0b72-\u0b77\u0bf0-\u0bf2\u0c78-\u0c7e\u0d58-\u0d5e'
    '\u0d70-\u0d78\u0f2a-\u0f33\u1369-\u137c\u16ee-\u16f0\u17f0-\u17f9\u19da\u2070\u2074-\u2079\u2080-\u2089'
    '\u2150-\u2182\u2185-\u2189\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u2cfd\u3007\u3021-\u3029\u3038-\u303a'
    '\u3192-\u3195\u3220-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf\ua6e6-\ua6ef\ua830-\ua835'
    '\ue000-\uf8ff';
BEGIN
  SELECT format('pg_catalog.%I', collname) INTO letters FROM pg_catalog.pg_collation
    WHERE collnamespace = 'pg_catalog'::regnamespace
      AND collname IN ('pg_c_utf8', 'und-x-icu', 'C.UTF-8', 'C.utf8', 'default') AND collencoding IN (-1, 6)
    ORDER BY array_position(ARRAY['pg_c_utf8', 'und-x-icu', 'C.UTF-8', 'C.utf8', 'default'], CAST(collname AS text)) LIMIT 1;
  EXECUTE format($create$
    CREATE FUNCTION search_words(shown text) RETURNS text[] LANGUAGE plpgsql STABLE AS $function$ DECLARE
      folded text := lower(shown COLLATE %1$s);
      words text[];
    BEGIN
      IF octet_length(folded) > length(folded) THEN
        folded := normalize(regexp_replace(normalize(folded, NFD), '([a-z])[\u0300-\u036f]+', '\1', 'g'), NFC);
        folded := translate(folded, 'ςµſ', 'σμs');
      END IF;
      words := array_remove(regexp_split_to_array(folded COLLATE %1$s, '[^[:alnum:]%2$s]+'), '');
      IF length(folded) > 128 THEN
        words := ARRAY(SELECT DISTINCT left(item, 128) FROM unnest(words) AS item);
      END IF;
      RETURN words;
    END $function$ $create$, letters, others);
END $$;

CREATE FUNCTION search_words_of(repository bigint) RETURNS tsvector LANGUAGE plpgsql STABLE AS $$ DECLARE
  lexemes tsvector;
BEGIN
  SELECT array_to_tsvector(
      search_words(concat_ws(' ', name, short_text, full_text))
      || CASE visibility WHEN 'public' THEN ARRAY['@v'] ELSE '{}' END
      || CASE namespace WHEN 'library' THEN '@o' ELSE '@c' END
      || ('@n:' || namespace)
      || ARRAY(SELECT '@u:' || user_id FROM collaborators WHERE collaborators.repository_id = repository)
      || ARRAY(SELECT '@t:' || team_id FROM team_permissions WHERE team_permissions.repository_id = repository)
      || ARRAY(SELECT '@f:' || facet || ':' || value FROM repository_facets WHERE repository_facets.repository_id = repository))
    INTO lexemes
    FROM repositories LEFT JOIN repository_descriptions ON repository_descriptions.repository_id = repositories.id
    WHERE repositories.id = repository;
  RETURN lexemes;
END $$;

-- Writes the words of a repository again if they are others. Its document is locked first: a transaction that has changed
-- another text or permission of the repository commits before these words are read, so that none of the two is lost.
CREATE FUNCTION index_repository(repository bigint) RETURNS void LANGUAGE plpgsql AS $$ DECLARE
  known tsvector;
  current tsvector;
BEGIN
  SELECT words INTO known FROM search_documents WHERE repository_id = repository FOR NO KEY UPDATE;
  current := search_words_of(repository);
  IF current <> known THEN
    UPDATE search_documents SET words = current WHERE repository_id = repository;
  END IF;
END $$;

CREATE FUNCTION index_changed_repositories() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM index_repository(repository_id)
    FROM (SELECT DISTINCT repository_id FROM changed ORDER BY repository_id) AS repositories;
  RETURN NULL;
END $$;
CREATE TRIGGER search_description_comes AFTER INSERT ON repository_descriptions REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_description_changes AFTER UPDATE ON repository_descriptions REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_description_goes AFTER DELETE ON repository_descriptions REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_collaborator_comes AFTER INSERT ON collaborators REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_collaborator_goes AFTER DELETE ON collaborators REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_team_comes AFTER INSERT ON team_permissions REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_team_goes AFTER DELETE ON team_permissions REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_facet_comes AFTER INSERT ON repository_facets REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();
CREATE TRIGGER search_facet_goes AFTER DELETE ON repository_facets REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION index_changed_repositories();

CREATE FUNCTION index_new_repository() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO search_documents (repository_id, is_official, words)
    VALUES (NEW.id, CAST(NEW.namespace = 'library' AS int), search_words_of(NEW.id));
  RETURN NULL;
END $$;
CREATE TRIGGER search_repository_comes AFTER INSERT ON repositories FOR EACH ROW EXECUTE FUNCTION index_new_repository();

CREATE FUNCTION rank_changed_repository() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE search_documents SET stars = NEW.star_count, pull_rank = NEW.pull_rank WHERE repository_id = NEW.id;
  IF OLD.visibility <> NEW.visibility THEN
    PERFORM index_repository(NEW.id);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER search_repository_changes AFTER UPDATE OF visibility, pull_rank ON repositories FOR EACH ROW
  WHEN (OLD.visibility <> NEW.visibility OR OLD.pull_rank <> NEW.pull_rank) EXECUTE FUNCTION rank_changed_repository();

CREATE FUNCTION forget_deleted_repository() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM search_documents WHERE repository_id = OLD.id;
  DELETE FROM repository_facets WHERE repository_id = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER search_repository_goes AFTER DELETE ON repositories FOR EACH ROW EXECUTE FUNCTION forget_deleted_repository();

-- The facets of a manifest. An attestation has the os 'unknown', and a manifest with a subject has no facets.
-- A pusher chooses the values, so a repository is found by its first 100 of a kind, and by none of more than 128
-- characters.

CREATE FUNCTION type_facet(kind text, config_media_type text, os text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  IF kind <> 'image' OR os = 'unknown' THEN
    RETURN NULL;
  END IF;
  RETURN CASE config_media_type
    WHEN 'application/vnd.oci.image.config.v1+json' THEN 'image'
    WHEN 'application/vnd.docker.container.image.v1+json' THEN 'image'
    WHEN 'application/vnd.docker.plugin.v1+json' THEN 'plugin'
    WHEN 'application/vnd.cncf.helm.config.v1+json' THEN 'helm'
    ELSE 'unrecognized' END;
END $$;

-- A push of facets that the repository has is one statement of HOT updates.
CREATE FUNCTION add_facets(repository bigint, os text, architecture text, os_version text, type text)
  RETURNS void LANGUAGE plpgsql AS $$ DECLARE
  in_os text := CASE WHEN os <> 'unknown' AND length(os) <= 128 THEN os END;
  in_architecture text := CASE WHEN architecture <> 'unknown' AND length(architecture) <= 128 THEN architecture END;
  in_version text := CASE WHEN os_version <> '' AND length(os_version) <= 128 THEN os_version END;
  updated bigint;
BEGIN
  UPDATE repository_facets SET uses = uses + 1
    WHERE repository_id = repository AND (
      facet = 'os' AND value = in_os OR facet = 'architecture' AND value = in_architecture
      OR facet = 'os_version' AND value = in_version OR facet = 'type' AND value = type);
  GET DIAGNOSTICS updated = ROW_COUNT;
  IF updated = num_nonnulls(in_os, in_architecture, in_version, type) THEN
    RETURN;
  END IF;
  INSERT INTO repository_facets AS facets (repository_id, facet, value, uses)
    SELECT repository, added.facet, added.value, 1
    FROM (VALUES ('os', in_os), ('architecture', in_architecture), ('os_version', in_version), ('type', type))
      AS added (facet, value)
    WHERE added.value IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM repository_facets AS known
        WHERE known.repository_id = repository AND known.facet = added.facet AND known.value = added.value)
      AND (SELECT count(*) FROM repository_facets AS known
        WHERE known.repository_id = repository AND known.facet = added.facet) < 100
    ON CONFLICT (repository_id, facet, value) DO UPDATE SET uses = facets.uses + 1;
END $$;

CREATE FUNCTION add_facets_of_manifest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM add_facets(NEW.repository_id, NEW.os, NEW.architecture, NEW.os_version,
    type_facet(NEW.kind, NEW.config_media_type, NEW.os));
  RETURN NULL;
END $$;
CREATE TRIGGER facets_of_manifest_come AFTER INSERT ON manifests FOR EACH ROW
  WHEN (NEW.subject_digest IS NULL
    AND (NEW.kind = 'image' OR num_nonnulls(NEW.os, NEW.architecture, NEW.os_version) > 0))
  EXECUTE FUNCTION add_facets_of_manifest();

CREATE FUNCTION remove_facets_of_manifests() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE repository_facets AS facets SET uses = facets.uses - gone.number
    FROM (
      SELECT deleted.repository_id, had.facet, had.value, count(*) AS number
      FROM deleted CROSS JOIN LATERAL (VALUES
        ('os', nullif(deleted.os, 'unknown')), ('architecture', nullif(deleted.architecture, 'unknown')),
        ('os_version', nullif(deleted.os_version, '')),
        ('type', type_facet(deleted.kind, deleted.config_media_type, deleted.os))) AS had (facet, value)
      WHERE deleted.subject_digest IS NULL AND had.value IS NOT NULL
      GROUP BY deleted.repository_id, had.facet, had.value) AS gone
    WHERE facets.repository_id = gone.repository_id AND facets.facet = gone.facet AND facets.value = gone.value;
  DELETE FROM repository_facets WHERE uses <= 0 AND repository_id IN (SELECT deleted.repository_id FROM deleted);
  RETURN NULL;
END $$;
CREATE TRIGGER facets_of_manifest_go AFTER DELETE ON manifests REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION remove_facets_of_manifests();

-- A manifest that is pushed again has the same facets, unless its config arrived later.
CREATE FUNCTION change_facets_of_manifest() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE
  had_type text := type_facet(OLD.kind, OLD.config_media_type, OLD.os);
BEGIN
  IF OLD.subject_digest IS NULL THEN
    UPDATE repository_facets SET uses = uses - 1
      WHERE repository_id = OLD.repository_id AND (
        facet = 'os' AND value = nullif(OLD.os, 'unknown') OR facet = 'type' AND value = had_type
        OR facet = 'architecture' AND value = nullif(OLD.architecture, 'unknown')
        OR facet = 'os_version' AND value = nullif(OLD.os_version, ''));
  END IF;
  IF NEW.subject_digest IS NULL THEN
    PERFORM add_facets(NEW.repository_id, NEW.os, NEW.architecture, NEW.os_version,
      type_facet(NEW.kind, NEW.config_media_type, NEW.os));
  END IF;
  DELETE FROM repository_facets WHERE repository_id = NEW.repository_id AND uses <= 0;
  RETURN NULL;
END $$;
CREATE TRIGGER facets_of_manifest_change
  AFTER UPDATE OF kind, config_media_type, subject_digest, os, architecture, os_version ON manifests FOR EACH ROW
  WHEN ((OLD.kind, OLD.config_media_type, OLD.subject_digest, OLD.os, OLD.architecture, OLD.os_version)
    IS DISTINCT FROM (NEW.kind, NEW.config_media_type, NEW.subject_digest, NEW.os, NEW.architecture, NEW.os_version))
  EXECUTE FUNCTION change_facets_of_manifest();
