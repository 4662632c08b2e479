ALTER TABLE services DROP COLUMN partner_code_wanted_by;
