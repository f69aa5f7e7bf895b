-- A search finds parts of names: `app` finds `team/pubapp`. The column `parts` of the search index has the ends of each word of
-- the name that have at least 2 characters, without the word itself, and at most 16 characters of each: ubapp, bapp, app, pp.
-- The beginning of such an end is a part of the name.

DROP VIEW search_texts;
CREATE VIEW search_texts (repository_id, name, description, readme, parts, access, facet) AS
  SELECT id, name, short_text, full_text,
    (WITH RECURSIVE ends (before, rest) AS (
        SELECT '-', replace(replace(replace(repositories.name, '/', '-'), '.', '-'), '_', '-') || '-'
        UNION ALL
        SELECT substr(rest, 1, 1), substr(rest, 2) FROM ends WHERE length(rest) > 3)
      SELECT group_concat(substr(rest, 1, min(instr(rest, '-') - 1, 16)), ' ')
      FROM ends WHERE before <> '-' AND instr(rest, '-') > 2),
    concat_ws(' ',
      CASE visibility WHEN 'public' THEN 'v' END,
      CASE namespace WHEN 'library' THEN 'o' ELSE 'c' END,
      'n' || lower(hex(namespace)),
      (SELECT group_concat('u' || user_id, ' ') FROM collaborators WHERE collaborators.repository_id = repositories.id),
      (SELECT group_concat('t' || team_id, ' ') FROM team_permissions
        WHERE team_permissions.repository_id = repositories.id)),
    (SELECT group_concat(replace(facet, '_', '') || lower(hex(value)), ' ')
      FROM repository_facets WHERE repository_facets.repository_id = repositories.id)
  FROM repositories LEFT JOIN repository_descriptions ON repository_descriptions.repository_id = repositories.id;

DROP TABLE search_index;
CREATE VIRTUAL TABLE search_index USING fts5 (
  name, description, readme, parts, access, facet,
  content = '', contentless_delete = 1, detail = column, prefix = '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16',
  tokenize = 'unicode61 remove_diacritics 2'
);

DROP TRIGGER search_document_comes;
CREATE TRIGGER search_document_comes AFTER INSERT ON search_documents BEGIN
  INSERT INTO search_index (rowid, name, description, readme, parts, access, facet)
    SELECT NEW.rank, name, description, readme, parts, access, facet
    FROM search_texts WHERE repository_id = NEW.repository_id;
END;
DROP TRIGGER search_document_changes;
CREATE TRIGGER search_document_changes AFTER UPDATE ON search_documents BEGIN
  DELETE FROM search_index WHERE rowid = OLD.rank;
  INSERT INTO search_index (rowid, name, description, readme, parts, access, facet)
    SELECT NEW.rank, name, description, readme, parts, access, facet
    FROM search_texts WHERE repository_id = NEW.repository_id;
END;

INSERT INTO search_index (rowid, name, description, readme, parts, access, facet)
  SELECT rank, name, description, readme, parts, access, facet
  FROM search_documents JOIN search_texts USING (repository_id);
