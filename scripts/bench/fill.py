"""Fills a house up to so many contacts, in one big transaction, in seconds.

The first ones were recorded over HTTP and are real. The rest are clones of one of them: key,
reference, times, level, kind, status and owner are their own, so lists, counts and indices meet what
they would meet; their sealed bytes are the same and open only in the original, because a seal is
bound to its row. Nothing that opens a seal is measured on a clone."""

import os
import sqlite3

CONTACTS = """id, reference, version, status, kind, channel, direction, level, operator_id, case_id, opened_at,
    finished_at, queued_at, answered_at, ended_at, updated_at, rejoin_index, key_id, narrative_key_id, document, narrative"""
MONTHS = 24 * 30 * 86_400_000_000


def fill(house, until):
    """The service must be stopped. Gives how many were added."""
    there = house.number("SELECT count(*) FROM contacts")
    if until <= there:
        return 0
    first = house.number("SELECT min(c.opened_at) FROM contacts c JOIN trail t ON t.subject = c.reference")
    script = clones(house.engine, house.filled + 1, house.filled + until - there, first)
    house.filled += until - there
    if house.engine == "sqlite":
        sqlite(os.path.join(house.folder, "goldaw.db"), script)
    else:
        house.sql("BEGIN;" + ";".join(script) + "; COMMIT; VACUUM ANALYZE contacts; ANALYZE")
    return until - there


def sqlite(path, script):
    db = sqlite3.connect(path, isolation_level=None)
    # Quick, not safe: a crash here costs nothing but the run. The service sets its own at start.
    for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "cache_size = -500000"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    db.execute("BEGIN")
    for statement in script:
        db.execute(statement)
    db.execute("COMMIT")
    db.close()


def clones(engine, start, end, before):
    """The statements that add clones number `start` to `end`, the last of them just before the first real one."""
    def digits(number, width):
        return f"printf('%0{width}x', {number})" if engine == "sqlite" else f"lpad(to_hex({number}), {width}, '0')"

    at = f"({before} - {MONTHS} + i * {MONTHS // 1_100_000})"
    ms = f"({at} / 1000)"
    key = f"{digits(f'({ms} / 65536)', 8)} || '-' || {digits(f'({ms} % 65536)', 4)} || '-7000-8000-' || {digits('i', 12)}"
    # Multiplying modulo a prime scatters them as randomness would.
    spread = digits("((i * 736338717) % 1099511627689)", 10)
    reference = f"'C-' || upper(substr({spread}, 1, 4) || '-' || substr({spread}, 5, 4) || '-' || substr({spread}, 9, 2)) || 'Z'"
    numbers = (f"WITH RECURSIVE numbers(i) AS (SELECT CAST({start} AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < {end})"
               if engine == "sqlite" else f"WITH numbers AS (SELECT generate_series({start}::bigint, {end}) AS i)")
    real = "(SELECT * FROM contacts WHERE opened_at >= %d LIMIT 1) t" % before
    contacts = f"""{numbers} INSERT INTO contacts ({CONTACTS})
        SELECT {key}, {reference}, 1, CASE WHEN i % 5000 = 0 THEN 'draft' ELSE 'finished' END,
            CASE WHEN i % 7 = 0 THEN 'silent' ELSE 'support' END, t.channel, t.direction,
            CASE WHEN i % 1000 = 0 THEN 'critical' WHEN i % 50 = 0 THEN 'high' WHEN i % 3 = 0 THEN 'medium' ELSE 'low' END,
            (SELECT id FROM staff WHERE name = CASE WHEN i % 2 = 0 THEN 'op-07' ELSE 'co-03' END), NULL,
            {at}, CASE WHEN i % 5000 = 0 THEN NULL ELSE {at} + 900000000 END,
            NULL, NULL, NULL, {at}, NULL, t.key_id, NULL, t.document, NULL
        FROM numbers, {real}"""
    # What was added just now, by its place in time.
    added = f"c.opened_at < {before} AND NOT EXISTS (SELECT 1 FROM contact_facts f WHERE f.contact_id = c.id)"
    assessments = f"""INSERT INTO assessments (id, contact_id, contact_version, level, rule_set, at, document)
        SELECT c.id, c.id, 1, c.level, a.rule_set, c.opened_at, a.document
        FROM contacts c, (SELECT * FROM assessments LIMIT 1) a WHERE {added}"""
    facts = f"""INSERT INTO contact_facts (contact_id, day, status, kind, channel, language, caller_role, level, age_band,
            sex, province, district, contexts)
        SELECT c.id, c.opened_at / 86400000000, c.status, c.kind, c.channel, 'tk', 'survivor', c.level, '26_40',
            'female', 'TM-M', 'TM-M-BAY', '' FROM contacts c WHERE {added}"""
    return [contacts, assessments, facts]
