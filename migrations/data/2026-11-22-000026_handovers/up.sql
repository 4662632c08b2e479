-- Who took a shift over, and what was open then: references only.
CREATE TABLE handovers (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    taken_by TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    items TEXT NOT NULL
);
CREATE INDEX handovers_by_time ON handovers (taken_at, id);
