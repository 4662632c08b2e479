-- A level that a person set beside the one of the rules; why is sealed under the contact's key.
CREATE TABLE overrides (
    id TEXT NOT NULL PRIMARY KEY,
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    level TEXT NOT NULL,
    rules_level TEXT NOT NULL,
    level_before TEXT NOT NULL,
    state TEXT NOT NULL,
    previous_id TEXT,
    set_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    document BYTEA NOT NULL
);
CREATE INDEX overrides_of ON overrides (contact_id, at);
ALTER TABLE contacts ADD COLUMN override_id TEXT;
-- The contact that a case's level comes from: what it brings along to her other contacts.
ALTER TABLE cases ADD COLUMN level_from TEXT;
-- What a second person must look at by a time.
CREATE TABLE reviews (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    level TEXT NOT NULL,
    proposed TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_by TEXT,
    opened_at BIGINT NOT NULL,
    due BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT
);
CREATE INDEX reviews_open ON reviews (state, due, id);
CREATE INDEX reviews_of ON reviews (subject_id, state);
