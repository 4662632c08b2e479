DROP TABLE complaints;
DROP INDEX tasks_of_kind;
DROP TABLE feedback;
