DROP TABLE consents;
DROP TABLE blocked_parties;
DROP TABLE case_phones;
DROP TABLE cases;
