DROP TABLE contact_facts;
DROP TABLE revisions;
DROP TABLE assessments;
DROP TABLE contacts;
