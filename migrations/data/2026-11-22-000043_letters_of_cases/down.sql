ALTER TABLE notifications DROP COLUMN case_id;
