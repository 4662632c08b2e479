-- A number that shall take the place of `phone` (empty: none shall), and who said so, until a second
-- person agrees.
ALTER TABLE services ADD COLUMN phone_wanted TEXT;
ALTER TABLE services ADD COLUMN phone_wanted_by TEXT;
