-- How far the audit log is forwarded (audit.forward). There is no row until a server has begun.
CREATE TABLE audit_forwarding (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  last_id  INTEGER NOT NULL   -- the receiver has the entries of audit_log up to this one
) STRICT;
