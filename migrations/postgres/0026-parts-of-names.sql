-- readable by: 0018
-- A search finds parts of names. migrations/sqlite/0026-parts-of-names.sql describes them. Here they are lexemes that begin with
-- '@p:'. An older program does not look for them.
CREATE OR REPLACE FUNCTION search_words_of(repository bigint) RETURNS tsvector LANGUAGE plpgsql STABLE AS $$ DECLARE
  lexemes tsvector;
BEGIN
  SELECT array_to_tsvector(
      search_words(concat_ws(' ', name, short_text, full_text))
      || ARRAY(SELECT '@p:' || substr(word, start, 16)
        FROM regexp_split_to_table(name, '[^a-z0-9]+') AS word CROSS JOIN generate_series(2, length(word) - 1) AS start)
      || CASE visibility WHEN 'public' THEN ARRAY['@v'] ELSE '{}' END
      || CASE namespace WHEN 'library' THEN '@o' ELSE '@c' END
      || ('@n:' || namespace)
      || ARRAY(SELECT '@u:' || user_id FROM collaborators WHERE collaborators.repository_id = repository)
      || ARRAY(SELECT '@t:' || team_id FROM team_permissions WHERE team_permissions.repository_id = repository)
      || ARRAY(SELECT '@f:' || facet || ':' || value FROM repository_facets WHERE repository_facets.repository_id = repository))
    INTO lexemes
    FROM repositories LEFT JOIN repository_descriptions ON repository_descriptions.repository_id = repositories.id
    WHERE repositories.id = repository;
  RETURN lexemes;
END $$;

UPDATE search_documents SET words = search_words_of(repository_id);
