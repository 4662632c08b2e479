-- The id an organisation or a service has in the file it came from, so that the same file, given
-- again, changes it and does not double it. What was typed in here has none: its id is computed.
CREATE TABLE hsds_ids (
    hsds_id TEXT NOT NULL PRIMARY KEY,
    subject_id TEXT NOT NULL UNIQUE
);
