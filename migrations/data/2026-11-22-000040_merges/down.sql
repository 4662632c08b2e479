DROP INDEX cases_merged;
ALTER TABLE cases DROP COLUMN merged_into;
