DROP TABLE sign_in_delays;
DROP TABLE sessions;
DROP TABLE staff;
