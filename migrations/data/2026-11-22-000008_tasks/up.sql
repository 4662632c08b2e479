CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    case_id TEXT,
    ticket_id TEXT,
    referral_id TEXT,
    service_id TEXT,
    level TEXT,
    due BIGINT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    done_by TEXT,
    done_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX tasks_open ON tasks (state, due, id);
