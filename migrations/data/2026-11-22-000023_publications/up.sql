-- Rules that were proposed; in force is the one whose second approval is the newest.
CREATE TABLE publications (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL REFERENCES rule_sets (sha256),
    proposed_at BIGINT NOT NULL,
    first_by TEXT,
    first_at BIGINT,
    second_by TEXT,
    second_at BIGINT
);
CREATE INDEX publications_in_force ON publications (second_at);
