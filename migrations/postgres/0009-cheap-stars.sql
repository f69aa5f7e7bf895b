-- The repositories whose stars are not yet in search_documents; `rankByStars` writes a few of them at a time.
CREATE TABLE search_star_changes (
  repository_id bigint PRIMARY KEY
);

-- DO UPDATE, because it locks the row: `rankByStars` deletes the row before it reads the stars, and so it waits for this
-- transaction, or this transaction waits for it and adds the row again.
CREATE FUNCTION note_changed_stars() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO search_star_changes (repository_id) VALUES (NEW.id)
    ON CONFLICT (repository_id) DO UPDATE SET repository_id = excluded.repository_id;
  RETURN NULL;
END $$;
CREATE TRIGGER search_stars_change AFTER UPDATE OF star_count ON repositories FOR EACH ROW
  WHEN (OLD.star_count <> NEW.star_count) EXECUTE FUNCTION note_changed_stars();

CREATE FUNCTION forget_changed_stars() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM search_star_changes WHERE repository_id = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER search_stars_go AFTER DELETE ON repositories FOR EACH ROW EXECUTE FUNCTION forget_changed_stars();
