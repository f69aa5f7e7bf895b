-- readable by: 0018
-- The label of the access token that moved a tag. migrations/sqlite/0023-token-labels.sql describes the column. The function of
-- a push gets the token; an older program calls it without, and its rows have no label.
ALTER TABLE tag_history ADD COLUMN token_label text COLLATE "C";

DROP FUNCTION put_manifest(text, text, json, bytea, json, text[], text, text, bigint, bigint, boolean, bigint);

-- True for a new manifest whose references are all there. `in_manifest` is a row of `manifests` as JSON, without its
-- content, and `in_references` are rows of `manifest_references`. `in_token` is the id of the access token of the client.
CREATE FUNCTION put_manifest(
  in_repository text, in_namespace text, in_manifest json, in_content bytea, in_references json, in_tags text[],
  in_actor text, in_peer text, in_now bigint, in_due bigint, in_sparse boolean, in_removals bigint DEFAULT NULL,
  in_token text DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$ DECLARE
  home bigint;
  manifest manifests;
  reference manifest_references;
  tag text;
  before bigint;
  label text;
BEGIN
  SELECT id INTO home FROM repositories WHERE name = in_repository AND immutable_tags IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND OR EXISTS (SELECT 1 FROM quotas WHERE namespace = in_namespace)
    OR EXISTS (SELECT 1 FROM repository_removals WHERE name = in_repository AND sequence > in_removals) THEN
    RETURN NULL;
  END IF;
  manifest := json_populate_record(NULL::manifests, in_manifest);
  IF EXISTS (SELECT 1 FROM manifests WHERE repository_id = home AND digest = manifest.digest) THEN
    RETURN NULL;
  END IF;
  IF NOT in_sparse AND EXISTS (
    SELECT 1 FROM json_populate_recordset(NULL::manifest_references, in_references) AS required
    WHERE required.required = 1
      AND NOT EXISTS (SELECT 1 FROM blobs JOIN blob_links ON blob_links.blob_id = blobs.id
        WHERE blobs.digest = required.digest AND blobs.state = 'live' AND blob_links.repository_id = home)
      AND NOT (manifest.kind = 'index' AND required.kind = 'child' AND EXISTS (SELECT 1 FROM manifests AS children
        WHERE children.repository_id = home AND children.digest = required.digest))
  ) THEN
    RETURN NULL;
  END IF;

  manifest.id := nextval(pg_get_serial_sequence('manifests', 'id'));
  manifest.repository_id := home;
  manifest.content := in_content;
  INSERT INTO manifests SELECT manifest.*;
  reference.manifest_id := manifest.id;
  INSERT INTO manifest_references
    SELECT row.* FROM json_populate_recordset(reference, in_references) AS row;
  INSERT INTO image_sizes (manifest_id, size_bytes)
    SELECT manifest.id, least(sum(row.size_bytes), 9007199254740991)
    FROM manifest_references AS row WHERE row.manifest_id = manifest.id AND row.kind <> 'child'
    HAVING count(*) > 0;
  IF in_token IS NOT NULL THEN
    SELECT access_tokens.label INTO label FROM access_tokens WHERE id = in_token;
  END IF;
  FOREACH tag IN ARRAY in_tags LOOP
    SELECT tags.manifest_id INTO before FROM tags WHERE repository_id = home AND name = tag;
    INSERT INTO tags (repository_id, name, manifest_id, updated_at, updater)
      VALUES (home, tag, manifest.id, in_now, in_actor)
      ON CONFLICT (repository_id, name) DO UPDATE
        SET manifest_id = excluded.manifest_id, updated_at = excluded.updated_at, updater = excluded.updater;
    INSERT INTO audit_log (at, actor, account, account_id, action, subject, data, peer)
      VALUES (in_now, in_actor, in_namespace, (SELECT id FROM accounts WHERE name = in_namespace), 'repo.tag.push',
        in_repository || ':' || tag, '{"digest":"' || manifest.digest || '"}', in_peer);
    INSERT INTO tag_history (repository_id, name, digest, changed_at, actor, token_label)
      VALUES (home, tag, manifest.digest, in_now, nullif(in_actor, ''), label);
    IF before IS NOT NULL THEN
      INSERT INTO manifest_reviews (manifest_id, due_at) VALUES (before, in_due)
        ON CONFLICT (manifest_id) DO UPDATE SET due_at = excluded.due_at;
    END IF;
  END LOOP;
  IF cardinality(in_tags) = 0 THEN
    INSERT INTO manifest_reviews (manifest_id, due_at) VALUES (manifest.id, in_due)
      ON CONFLICT (manifest_id) DO UPDATE SET due_at = excluded.due_at;
  END IF;
  UPDATE repositories SET updated_at = in_now WHERE id = home;
  RETURN true;
END $$;
