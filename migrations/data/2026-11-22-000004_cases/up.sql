CREATE TABLE cases (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    close_reason TEXT,
    level TEXT,
    opened_by TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    updated_at BIGINT NOT NULL,
    code_word_index TEXT,
    key_id TEXT NOT NULL,
    document BYTEA NOT NULL
);
CREATE INDEX cases_by_code_word ON cases (code_word_index);
CREATE TABLE case_phones (
    case_id TEXT NOT NULL REFERENCES cases (id),
    phone_index TEXT NOT NULL,
    PRIMARY KEY (case_id, phone_index)
);
CREATE INDEX case_phones_by_index ON case_phones (phone_index);
CREATE TABLE blocked_parties (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    party_kind TEXT NOT NULL,
    party_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL
);
CREATE UNIQUE INDEX blocked_once ON blocked_parties (case_id, party_kind, party_id);
CREATE INDEX blocked_of ON blocked_parties (party_id);
CREATE TABLE consents (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    case_id TEXT NOT NULL REFERENCES cases (id),
    contact_id TEXT,
    scope TEXT NOT NULL,
    service_id TEXT,
    given BOOLEAN NOT NULL,
    given_by TEXT NOT NULL,
    how TEXT NOT NULL,
    fields TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    expires_at BIGINT,
    withdrawn_at BIGINT
);
CREATE INDEX consents_of ON consents (case_id, at);
