-- readable by: 0018
-- How far the audit log is forwarded. migrations/sqlite/0030-audit-forwarding.sql describes the columns.
CREATE TABLE audit_forwarding (
  only_row bigint PRIMARY KEY CHECK (only_row = 1),
  last_id  bigint NOT NULL
);
