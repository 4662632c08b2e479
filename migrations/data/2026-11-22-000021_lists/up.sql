-- One for each order in which something is listed and each filter that may leave little: without it a
-- page of 20 reads everything there ever was. All but the letters' grow at their end only.
CREATE INDEX contacts_drafts ON contacts (opened_at, id) WHERE status = 'draft';
CREATE INDEX contacts_drafts_of ON contacts (operator_id, opened_at, id) WHERE status = 'draft';
CREATE INDEX contacts_by_level ON contacts (level, opened_at, id);
CREATE INDEX contacts_by_kind ON contacts (kind, opened_at, id);
CREATE INDEX trail_by_time ON trail (at, id);
CREATE INDEX notifications_by_state ON notifications (state, created_at, id);
