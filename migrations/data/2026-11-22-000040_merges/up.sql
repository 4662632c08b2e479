-- A case that turned out to be another one stays, and points to the one that was kept.
ALTER TABLE cases ADD COLUMN merged_into TEXT;
CREATE INDEX cases_merged ON cases (merged_into);
