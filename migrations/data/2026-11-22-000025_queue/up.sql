-- A ticket's place in the queue, kept whenever it or one of its referrals changes: 0 for Critical to
-- 3 for Low, and when the next thing is due.
ALTER TABLE tickets ADD COLUMN queue_place INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tickets ADD COLUMN queue_due BIGINT NOT NULL DEFAULT 0;
UPDATE tickets SET
    queue_place = CASE level WHEN 'critical' THEN 0 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 1 END,
    queue_due = claim_due;
CREATE INDEX tickets_queue ON tickets (state, queue_place, queue_due, id);
CREATE INDEX tickets_care ON tickets (state, care_by);
CREATE INDEX tickets_leases ON tickets (claim_until);
CREATE INDEX referrals_unroutable ON referrals (unroutable, state);
DROP INDEX tickets_open;
