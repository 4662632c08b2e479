-- What a queue shows of a ticket's referrals, kept like its place: which needs, whether a partner has
-- yet to answer, whether nobody she named is left to ask.
ALTER TABLE tickets ADD COLUMN queue_needs TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN queue_waits BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE tickets ADD COLUMN queue_unroutable BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE tickets SET
    queue_needs = (SELECT TRIM(
        COALESCE(MAX(CASE need WHEN 'medical' THEN 'medical ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'psychosocial' THEN 'psychosocial ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'safe_house' THEN 'safe_house ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'legal' THEN 'legal ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'police' THEN 'police ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'social_support' THEN 'social_support ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'child_protection' THEN 'child_protection ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'livelihoods' THEN 'livelihoods ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'education' THEN 'education ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'transport' THEN 'transport ' END), '') ||
        COALESCE(MAX(CASE need WHEN 'other' THEN 'other ' END), '')
    ) FROM referrals WHERE referrals.ticket_id = tickets.id),
    queue_waits = EXISTS (SELECT 1 FROM referrals WHERE referrals.ticket_id = tickets.id
        AND NOT unroutable AND referrals.state IN ('requested', 'received')),
    queue_unroutable = EXISTS (SELECT 1 FROM referrals WHERE referrals.ticket_id = tickets.id
        AND unroutable AND referrals.state IN ('requested', 'received', 'accepted', 'in_progress'));
CREATE INDEX tickets_unroutable ON tickets (queue_unroutable, state);
DROP INDEX referrals_unroutable;
