ALTER TABLE tasks DROP COLUMN outside_reason;
ALTER TABLE tasks DROP COLUMN outside_at;
ALTER TABLE consents DROP COLUMN reason;
