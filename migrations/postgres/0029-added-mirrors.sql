-- readable by: 0018
-- The mirrors that the API has added. migrations/sqlite/0029-added-mirrors.sql describes the columns. An older program does not
-- have these mirrors.
CREATE TABLE added_mirrors (
  namespace  text COLLATE "C" NOT NULL PRIMARY KEY,
  visibility text COLLATE "C" NOT NULL CHECK (visibility IN ('private', 'public')),
  settings   text COLLATE "C" NOT NULL,
  password   bytea,
  changed_at bigint NOT NULL,
  changed_by text COLLATE "C" NOT NULL
);
