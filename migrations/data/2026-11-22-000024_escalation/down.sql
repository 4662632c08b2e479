DROP INDEX referrals_ladder;
ALTER TABLE referrals DROP COLUMN ladder_due;
ALTER TABLE referrals DROP COLUMN ladder_rung;
ALTER TABLE referrals DROP COLUMN ladder_from;
DROP INDEX tasks_of_letter;
DROP INDEX tasks_of_referral;
ALTER TABLE tasks DROP COLUMN made_by;
ALTER TABLE tasks DROP COLUMN notification_id;
ALTER TABLE tasks DROP COLUMN not_before;
