DROP INDEX referrals_accepted;
