-- Who wants the service's focal point to have a new code; empty when nobody does.
ALTER TABLE services ADD COLUMN partner_code_wanted_by TEXT;
