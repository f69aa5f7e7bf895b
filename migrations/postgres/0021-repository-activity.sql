-- readable by: 0018
-- The audit rows of one repository. migrations/sqlite/0021-repository-activity.sql describes the index.
CREATE INDEX audit_log_by_repository ON audit_log (split_part(replace(subject, '@', ':'), ':', 1), id);
