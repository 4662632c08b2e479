-- What was asked for, as codes separated by commas, beside the other types of the reporting row. What
-- was written before has none: it is sealed.
ALTER TABLE contact_facts ADD COLUMN wishes TEXT NOT NULL DEFAULT '';
