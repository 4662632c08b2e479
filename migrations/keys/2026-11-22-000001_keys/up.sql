-- The key store is a database of its own, so that a backup of the data cannot undo an erasure.
CREATE TABLE data_keys (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    sealed BYTEA NOT NULL,
    minted_at BIGINT NOT NULL
);
CREATE TABLE tombstones (
    id TEXT NOT NULL PRIMARY KEY,
    destroyed_at BIGINT NOT NULL
);
