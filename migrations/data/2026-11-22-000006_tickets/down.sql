DROP TABLE referral_hops;
DROP TABLE referrals;
DROP TABLE ticket_notes;
DROP TABLE tickets;
