DROP TABLE endpoints;
DROP TABLE service_areas;
DROP TABLE services;
DROP TABLE organisations;
DROP TABLE areas;
