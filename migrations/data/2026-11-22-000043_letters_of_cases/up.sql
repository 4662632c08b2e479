-- Which case a letter is about: whoever must not know of the case must not see that a letter left.
ALTER TABLE notifications ADD COLUMN case_id TEXT;
UPDATE notifications SET case_id = (
    SELECT tickets.case_id FROM referrals JOIN tickets ON tickets.id = referrals.ticket_id
    WHERE referrals.id = notifications.referral_id
);
