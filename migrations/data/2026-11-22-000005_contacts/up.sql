-- Clear columns are the ones listed in the design; everything about her is in `document`, her own
-- words in `narrative`, each sealed under its own key.
CREATE TABLE contacts (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    direction TEXT NOT NULL,
    level TEXT,
    operator_id TEXT NOT NULL REFERENCES staff (id),
    case_id TEXT REFERENCES cases (id),
    opened_at BIGINT NOT NULL,
    finished_at BIGINT,
    queued_at BIGINT,
    answered_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL,
    rejoin_index TEXT,
    key_id TEXT NOT NULL,
    narrative_key_id TEXT,
    document BYTEA NOT NULL,
    narrative BYTEA
);
CREATE INDEX contacts_by_time ON contacts (opened_at, id);
CREATE INDEX contacts_of_operator ON contacts (operator_id, opened_at, id);
CREATE INDEX contacts_of_case ON contacts (case_id, opened_at);
CREATE TABLE assessments (
    id TEXT NOT NULL PRIMARY KEY,
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    contact_version INTEGER NOT NULL,
    level TEXT NOT NULL,
    rule_set TEXT NOT NULL,
    at BIGINT NOT NULL,
    document BYTEA NOT NULL
);
CREATE INDEX assessments_of ON assessments (contact_id, at, id);
CREATE TABLE revisions (
    id TEXT NOT NULL PRIMARY KEY,
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    version INTEGER NOT NULL,
    reason TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    document BYTEA NOT NULL
);
CREATE UNIQUE INDEX revisions_of ON revisions (contact_id, version);
-- Bands, areas and types only: what statistics may count.
CREATE TABLE contact_facts (
    contact_id TEXT NOT NULL PRIMARY KEY REFERENCES contacts (id),
    day BIGINT NOT NULL,
    status TEXT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    language TEXT,
    caller_role TEXT NOT NULL,
    level TEXT,
    age_band TEXT NOT NULL,
    sex TEXT NOT NULL,
    province TEXT,
    district TEXT,
    gbv_type TEXT,
    contexts TEXT NOT NULL,
    elapsed_band TEXT,
    reported_elsewhere TEXT,
    reported_by_survivor BOOLEAN
);
CREATE INDEX contact_facts_by_day ON contact_facts (day);
