-- Quotas count the bytes of manifests, and what open uploads may hold on the disk while they grow.

-- Bytes that the session may hold; 0 where its namespace had no limit when it was written to.
ALTER TABLE uploads ADD COLUMN reserved_bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX uploads_by_repository ON uploads (repository, reserved_bytes);
CREATE INDEX uploads_by_account ON uploads (account_id, touched_at);

UPDATE quotas SET used_bytes = used_bytes + (
  SELECT coalesce(sum(manifests.size_bytes), 0) FROM manifests
  JOIN repositories ON repositories.id = manifests.repository_id
  WHERE repositories.namespace = quotas.namespace);
