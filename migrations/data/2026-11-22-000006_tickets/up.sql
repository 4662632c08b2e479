CREATE TABLE tickets (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    case_id TEXT NOT NULL REFERENCES cases (id),
    level TEXT NOT NULL,
    care_by BIGINT,
    area TEXT,
    language TEXT,
    issued_by TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    claim_due BIGINT NOT NULL,
    claimed_by TEXT,
    claimed_at BIGINT,
    claim_until BIGINT,
    closed_at BIGINT,
    close_reason TEXT
);
CREATE INDEX tickets_open ON tickets (state, issued_at, id);
CREATE INDEX tickets_of_contact ON tickets (contact_id);
CREATE INDEX tickets_of_case ON tickets (case_id);
CREATE INDEX tickets_claimed ON tickets (claimed_by, state);
CREATE TABLE ticket_notes (
    id TEXT NOT NULL PRIMARY KEY,
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    at BIGINT NOT NULL,
    written_by TEXT NOT NULL,
    document BYTEA NOT NULL
);
CREATE INDEX ticket_notes_of ON ticket_notes (ticket_id, at);
CREATE TABLE referrals (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    need TEXT NOT NULL,
    state TEXT NOT NULL,
    unroutable BOOLEAN NOT NULL,
    level TEXT NOT NULL,
    service_id TEXT NOT NULL REFERENCES services (id),
    hop INTEGER NOT NULL,
    issued_at BIGINT NOT NULL,
    accept_due BIGINT NOT NULL,
    start_due BIGINT NOT NULL,
    accepted_at BIGINT,
    told_at BIGINT,
    ended_at BIGINT,
    reason TEXT,
    help_confirmed BOOLEAN
);
CREATE INDEX referrals_of ON referrals (ticket_id);
CREATE INDEX referrals_of_service ON referrals (service_id, state);
-- The services she said yes to, by name, in her order; one row becomes the asked one at a time.
-- What is shown, the reference and the word at the door belong to that service alone.
CREATE TABLE referral_hops (
    referral_id TEXT NOT NULL REFERENCES referrals (id),
    position INTEGER NOT NULL,
    service_id TEXT NOT NULL REFERENCES services (id),
    consent_id TEXT NOT NULL,
    fields TEXT NOT NULL,
    partner_reference TEXT NOT NULL UNIQUE,
    arrival_word TEXT NOT NULL,
    asked_at BIGINT,
    left_at BIGINT,
    reason TEXT,
    PRIMARY KEY (referral_id, position)
);
CREATE INDEX referral_hops_of_service ON referral_hops (service_id);
