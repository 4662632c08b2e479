CREATE TABLE areas (
    code TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    parent TEXT,
    name_tk TEXT NOT NULL,
    name_ru TEXT NOT NULL,
    name_en TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_to TEXT
);
CREATE TABLE organisations (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    names TEXT NOT NULL,
    status TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- Structured lists (names, hours, languages, eligibility, stock) are JSON text written and read by
-- one type in the program; what a query filters on has a column of its own.
CREATE TABLE services (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    type TEXT NOT NULL,
    names TEXT NOT NULL,
    descriptions TEXT NOT NULL,
    status TEXT NOT NULL,
    location_area TEXT,
    location_confidential BOOLEAN NOT NULL,
    hours TEXT NOT NULL,
    languages TEXT NOT NULL,
    eligibility TEXT NOT NULL,
    access TEXT NOT NULL,
    stock TEXT NOT NULL,
    capacity_unit TEXT,
    capacity_unlimited BOOLEAN NOT NULL,
    capacity_available INTEGER NOT NULL,
    capacity_maximum INTEGER NOT NULL,
    capacity_stated_at BIGINT NOT NULL,
    duty_to_report BOOLEAN NOT NULL,
    preference INTEGER NOT NULL,
    focal_points TEXT NOT NULL,
    phone TEXT,
    letter_language TEXT NOT NULL,
    partner_code_mac TEXT,
    verified_at BIGINT,
    updated_at BIGINT NOT NULL
);
CREATE INDEX services_by_type ON services (type, status);
CREATE TABLE service_areas (
    service_id TEXT NOT NULL REFERENCES services (id),
    area TEXT NOT NULL,
    PRIMARY KEY (service_id, area)
);
CREATE INDEX service_areas_by_area ON service_areas (area);
CREATE TABLE endpoints (
    id TEXT NOT NULL PRIMARY KEY,
    service_id TEXT NOT NULL REFERENCES services (id),
    position INTEGER NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    status TEXT NOT NULL,
    proposed_by TEXT,
    updated_at BIGINT NOT NULL
);
CREATE INDEX endpoints_of ON endpoints (service_id, position);
