-- What was said is sealed under the contact's key; where to fetch her under one of its own, which
-- can be destroyed when help has come.
CREATE TABLE emergency_calls (
    id TEXT NOT NULL PRIMARY KEY,
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    called TEXT NOT NULL,
    agreed BOOLEAN NOT NULL,
    at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    document BYTEA NOT NULL,
    place_key_id TEXT,
    place BYTEA
);
CREATE INDEX emergency_calls_of ON emergency_calls (contact_id, at);
