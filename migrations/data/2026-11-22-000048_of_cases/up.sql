-- What belongs to a case is looked for by the case: at every page of the trail that a coordinator
-- reads, and when two cases become one.
CREATE INDEX notifications_of_case ON notifications (case_id);
CREATE INDEX tasks_of_case ON tasks (case_id);
