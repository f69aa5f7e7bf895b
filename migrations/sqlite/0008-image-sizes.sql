-- Bytes of the config and the layers of an image together, so that a page that shows a hundred images need not add up
-- the ten thousand layers that each may have. Indexes have no row. Apart from `manifests`, whose rows end with the
-- content: a column behind it could only be read through all of it.

CREATE TABLE image_sizes (
  manifest_id INTEGER PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
  size_bytes  INTEGER NOT NULL
) STRICT;

INSERT INTO image_sizes (manifest_id, size_bytes)
  SELECT manifest_id, CAST(min(total(size_bytes), 9007199254740991) AS INTEGER) FROM manifest_references WHERE kind IN ('config', 'layer') GROUP BY manifest_id;
