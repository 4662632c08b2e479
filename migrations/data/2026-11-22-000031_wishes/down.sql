ALTER TABLE contact_facts DROP COLUMN wishes;
