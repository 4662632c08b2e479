-- A task waits for her next safe window; one about a letter names it.
ALTER TABLE tasks ADD COLUMN not_before BIGINT;
ALTER TABLE tasks ADD COLUMN notification_id TEXT;
ALTER TABLE tasks ADD COLUMN made_by TEXT;
CREATE INDEX tasks_of_referral ON tasks (referral_id, state);
CREATE UNIQUE INDEX tasks_of_letter ON tasks (notification_id);
-- Where a referral stands on the ladder of its level: counted from when, which rung is next, and
-- when; empty when nothing is left to do.
ALTER TABLE referrals ADD COLUMN ladder_from BIGINT;
ALTER TABLE referrals ADD COLUMN ladder_rung INTEGER;
ALTER TABLE referrals ADD COLUMN ladder_due BIGINT;
CREATE INDEX referrals_ladder ON referrals (ladder_due, id);
