CREATE INDEX referrals_unroutable ON referrals (unroutable, state);
DROP INDEX tickets_unroutable;
ALTER TABLE tickets DROP COLUMN queue_unroutable;
ALTER TABLE tickets DROP COLUMN queue_waits;
ALTER TABLE tickets DROP COLUMN queue_needs;
