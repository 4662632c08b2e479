-- What is true of the house as a whole, one row for each name: which keyring its data is sealed
-- under, since when it is held after a restore, when it was last backed up. In the data itself, so
-- that every process that opens it knows.
CREATE TABLE house (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    at BIGINT NOT NULL
);
