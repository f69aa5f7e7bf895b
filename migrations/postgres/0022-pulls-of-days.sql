-- readable by: 0018
-- Pulls per day, in UTC: days since the epoch, the last 400 of each repository. As in the other tables of pull counters,
-- rows with another `registered_at` than that of the repository speak of an earlier one of its name. Each replica changes
-- the rows of today every 2 seconds; no column but the key has an index, so these changes are HOT.

CREATE TABLE repository_days (
  repository    text COLLATE "C" NOT NULL,
  day           bigint NOT NULL,
  registered_at bigint NOT NULL,
  pulls         bigint NOT NULL,
  PRIMARY KEY (repository, day)
) WITH (fillfactor = 70);

CREATE TABLE tag_days (
  repository    text COLLATE "C" NOT NULL,
  tag           text COLLATE "C" NOT NULL,
  day           bigint NOT NULL,
  registered_at bigint NOT NULL,
  pulls         bigint NOT NULL,
  PRIMARY KEY (repository, tag, day)
) WITH (fillfactor = 70);
