-- Where somebody who helps is at work, when, in which languages, and how many tickets they carry.
-- Nobody has a row until somebody says so.
CREATE TABLE duties (
    staff_id TEXT NOT NULL PRIMARY KEY REFERENCES staff (id),
    version INTEGER NOT NULL,
    duty TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
