-- Whether anything in the directory has changed is asked at every match, of these alone.
CREATE INDEX services_editions ON services (type, version);
CREATE INDEX organisations_editions ON organisations (version);
