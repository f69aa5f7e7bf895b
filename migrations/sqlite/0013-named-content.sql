-- What manifests of unknown types name.
--
-- Until now a manifest with a media type that is not of OCI or Docker had no rows in manifest_references, so that the
-- collector removed the blobs of an image that was pushed as application/json. Every object with a digest, at any depth
-- but in the subject, is content that the manifest keeps. Blobs that were collected before stay away.
INSERT INTO manifest_references (manifest_id, position, kind, digest, media_type, size_bytes, required)
SELECT manifest_id, row_number() OVER (PARTITION BY manifest_id ORDER BY first) - 1, 'child', digest,
       coalesce(media_type, 'application/octet-stream'), coalesce(size_bytes, 0), 0
  FROM (
    SELECT manifests.id                           AS manifest_id,
           json_extract(node.value, '$.digest')   AS digest,
           min(node.id)                           AS first,
           max(iif(json_type(node.value, '$.mediaType') = 'text', json_extract(node.value, '$.mediaType'), NULL)) AS media_type,
           max(iif(json_type(node.value, '$.size') = 'integer', json_extract(node.value, '$.size'), NULL)) AS size_bytes
      FROM manifests,
           json_tree(iif(json_valid(CAST(manifests.content AS TEXT)), CAST(manifests.content AS TEXT), '{}')) AS node
     WHERE manifests.kind = 'opaque'
       AND node.type = 'object'
       AND node.fullkey <> '$.subject' AND node.fullkey NOT LIKE '$.subject.%'
       AND json_type(node.value, '$.digest') = 'text'
       AND json_extract(node.value, '$.digest') GLOB 'sha[25][51][62]:*'
       AND NOT EXISTS (SELECT 1 FROM manifest_references AS known WHERE known.manifest_id = manifests.id)
     GROUP BY 1, 2
  );
