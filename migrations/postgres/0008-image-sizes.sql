-- The bytes of an image. migrations/sqlite/0008-image-sizes.sql describes the columns.
CREATE TABLE image_sizes (
  manifest_id bigint PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
  size_bytes  bigint NOT NULL
);
