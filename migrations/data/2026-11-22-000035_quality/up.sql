-- What she herself says of the help she got: codes only, once for each referral.
CREATE TABLE feedback (
    id TEXT NOT NULL PRIMARY KEY,
    referral_id TEXT NOT NULL UNIQUE REFERENCES referrals (id),
    service_id TEXT NOT NULL REFERENCES services (id),
    received TEXT NOT NULL,
    safe TEXT NOT NULL,
    would_call_again TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX tasks_of_kind ON tasks (kind, created_at);
-- What somebody complained of. The words are sealed under the key of her case, or, where there is no
-- case, under one of their own. `about_id` is the key of a service or of a member of staff.
CREATE TABLE complaints (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    about_id TEXT,
    case_id TEXT,
    referral_id TEXT,
    made_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    document BYTEA NOT NULL
);
CREATE INDEX complaints_by_time ON complaints (at, id);
CREATE INDEX complaints_about ON complaints (about_id, at, id);
CREATE INDEX complaints_of_case ON complaints (case_id);
