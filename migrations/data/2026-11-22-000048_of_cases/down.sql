DROP INDEX tasks_of_case;
DROP INDEX notifications_of_case;
