CREATE INDEX tickets_open ON tickets (state, issued_at, id);
DROP INDEX referrals_unroutable;
DROP INDEX tickets_leases;
DROP INDEX tickets_care;
DROP INDEX tickets_queue;
ALTER TABLE tickets DROP COLUMN queue_due;
ALTER TABLE tickets DROP COLUMN queue_place;
