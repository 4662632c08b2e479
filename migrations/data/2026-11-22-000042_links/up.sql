-- Contacts that report one event; each pair is one row, the smaller key first.
CREATE TABLE contact_links (
    contact_id TEXT NOT NULL REFERENCES contacts (id),
    other_id TEXT NOT NULL REFERENCES contacts (id),
    at BIGINT NOT NULL,
    linked_by TEXT NOT NULL,
    PRIMARY KEY (contact_id, other_id)
);
CREATE INDEX contact_links_back ON contact_links (other_id);
