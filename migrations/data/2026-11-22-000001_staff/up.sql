-- Portable on purpose: this tree runs unchanged on SQLite and PostgreSQL. Times are microseconds
-- since 1970 UTC. Keys are UUIDv7 text and never shown; references are what people see.
CREATE TABLE staff (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    organisation_id TEXT,
    passphrase_hash TEXT NOT NULL,
    totp_secret BYTEA,
    totp_last_step BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- Here the key is itself a random reference: it stands in access tokens and in its owner's list.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    staff_id TEXT NOT NULL REFERENCES staff (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    locked_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX sessions_of ON sessions (staff_id);
-- Failed sign-ins by name, whether or not anybody has that name: a keyed hash, so that a
-- passphrase typed into the wrong field is not kept.
CREATE TABLE sign_in_delays (
    name_mac TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    wait_until BIGINT NOT NULL
);
CREATE INDEX sign_in_delays_age ON sign_in_delays (wait_until);
