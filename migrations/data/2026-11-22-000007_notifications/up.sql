-- The letter is stored without its link: the token is computed when the letter is sent. A partner is
-- the service, or the endpoint where there is none: whose letters may wait for each other. Attempts
-- number all tries ever; tries count failures on the present ladder of waits.
CREATE TABLE notifications (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    referral_id TEXT,
    service_id TEXT,
    endpoint_id TEXT NOT NULL,
    partner TEXT NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    revision INTEGER NOT NULL,
    urgent BOOLEAN NOT NULL,
    letter TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    last_class TEXT,
    not_before BIGINT NOT NULL,
    lease_holder TEXT,
    lease_until BIGINT,
    fence BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    give_up_at BIGINT NOT NULL,
    ended_at BIGINT,
    code_failures INTEGER NOT NULL
);
CREATE UNIQUE INDEX notifications_once ON notifications (coalesce(referral_id, ''), endpoint_id, channel, kind, revision);
CREATE INDEX notifications_due ON notifications (state, not_before);
CREATE INDEX notifications_leases ON notifications (state, lease_until);
CREATE INDEX notifications_by_time ON notifications (created_at, id);
CREATE TABLE attempts (
    id TEXT NOT NULL PRIMARY KEY,
    notification_id TEXT NOT NULL REFERENCES notifications (id),
    number INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    class TEXT NOT NULL,
    cause TEXT
);
CREATE INDEX attempts_of ON attempts (notification_id, number);
-- A partner's open view: the cookie's hash, bound to one notification, for 72 hours at most.
CREATE TABLE partner_views (
    token_hash TEXT NOT NULL PRIMARY KEY,
    notification_id TEXT NOT NULL REFERENCES notifications (id),
    opened_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
