DROP TABLE reviews;
ALTER TABLE cases DROP COLUMN level_from;
ALTER TABLE contacts DROP COLUMN override_id;
DROP TABLE overrides;
