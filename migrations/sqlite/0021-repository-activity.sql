-- The audit rows of one repository, the newest first. Their subjects are its name, NAME:TAG and NAME@DIGEST.
CREATE INDEX audit_log_by_repository
  ON audit_log (substr(subject, 1, instr(replace(subject, '@', ':') || ':', ':') - 1), id);
