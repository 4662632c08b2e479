DROP INDEX notifications_by_state;
DROP INDEX trail_by_time;
DROP INDEX contacts_by_kind;
DROP INDEX contacts_by_level;
DROP INDEX contacts_drafts_of;
DROP INDEX contacts_drafts;
