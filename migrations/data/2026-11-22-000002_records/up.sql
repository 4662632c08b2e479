-- What every room writes: the steps of things, the trail of people, replayed keys, leases, packs.
-- `position` follows the order of commits: the engine numbers it, never a clock.
CREATE TABLE steps (
    id TEXT NOT NULL PRIMARY KEY,
    position BIGSERIAL NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor_id TEXT,
    actor_role TEXT NOT NULL,
    detail TEXT
);
CREATE UNIQUE INDEX steps_position ON steps (position);
CREATE INDEX steps_of ON steps (subject_id, at, id);
CREATE TABLE trail (
    id TEXT NOT NULL PRIMARY KEY,
    position BIGSERIAL NOT NULL,
    at BIGINT NOT NULL,
    actor_id TEXT,
    actor_name TEXT,
    actor_role TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT,
    outcome TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE UNIQUE INDEX trail_position ON trail (position);
CREATE INDEX trail_of ON trail (subject, at);
CREATE TABLE idempotency (
    key_mac TEXT NOT NULL PRIMARY KEY,
    body_mac TEXT NOT NULL,
    status INTEGER NOT NULL,
    subject_id TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX idempotency_age ON idempotency (at);
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL,
    fence BIGINT NOT NULL
);
CREATE TABLE rule_sets (
    sha256 TEXT NOT NULL PRIMARY KEY,
    pack_id TEXT NOT NULL,
    pack_version TEXT NOT NULL,
    source TEXT NOT NULL,
    loaded_at BIGINT NOT NULL
);
