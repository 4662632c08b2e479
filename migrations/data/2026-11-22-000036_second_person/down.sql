ALTER TABLE services DROP COLUMN phone_wanted_by;
ALTER TABLE services DROP COLUMN phone_wanted;
