-- Why something was done without her yes, or outside the times she said are safe: in words, sealed.
ALTER TABLE consents ADD COLUMN reason BYTEA;
ALTER TABLE tasks ADD COLUMN outside_at BIGINT;
ALTER TABLE tasks ADD COLUMN outside_reason BYTEA;
