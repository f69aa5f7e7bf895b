-- What a page about a repository says.

ALTER TABLE repositories ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE repositories ADD COLUMN full_description TEXT NOT NULL DEFAULT '';
