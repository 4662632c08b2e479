DROP TABLE rule_sets;
DROP TABLE leases;
DROP TABLE idempotency;
DROP TABLE trail;
DROP TABLE steps;
