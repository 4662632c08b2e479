"""The loads: what is sent to a house, what stands beside it, and what must be in the database then."""

import contextlib
import glob
import json
import os
import queue
import resource
import sqlite3
import subprocess
import threading
import time
import urllib.request
from datetime import datetime, timezone

from fill import fill
from house import Fault

HERE = os.path.dirname(os.path.abspath(__file__))


class Bench:
    """What was asked for, what was measured, what was wrong."""

    def __init__(self, options, run):
        self.options, self.run = options, run
        self.rows, self.faults, self.number = [], [], 0

    def note(self, **row):
        self.rows.append(row)

    def wrk(self, house, load, connections, name, seconds=None, known=None, **given):
        """One load by wrk; its figures."""
        self.number += 1
        seconds = seconds or self.options.seconds
        env = {"LOAD": load, "RUN": f"{house.engine}-{self.number}", "SECONDS": str(seconds), "TOKEN": house.token(name),
               "OPENED": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), **given}
        if known is not None:
            env["KNOWN"] = os.path.join(self.run, "known")
            with open(env["KNOWN"], "w") as file:
                file.writelines(line + "\n" for line in known)
        used = house.processor_seconds()
        # A second more than it sends for: what is under way is answered.
        done = subprocess.run(
            ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds + 1}s", "-s", os.path.join(HERE, "wrk.lua"), house.url],
            env=dict(os.environ, **{f"GOLDAW_BENCH_{key}": value for key, value in env.items()}), text=True, capture_output=True)
        if done.returncode or not done.stdout.strip():
            raise Fault(f"wrk: {done.stderr or done.stdout}")
        told = json.loads(done.stdout.splitlines()[-1])
        example = told.pop("first_error")
        told["cpu_us"] = round((house.processor_seconds() - used) * 1e6 / max(1, told["done"]))
        if told["errors"] or not told["done"]:
            self.faults.append(f"{house.engine}, {load} at {connections}: {told['done']} right, {told['errors']} wrong, such as {example}")
        return told

    def expect(self, house, what, query, acknowledged):
        stored = house.number(query)
        if stored != acknowledged:
            self.faults.append(f"{house.engine}: {acknowledged} acknowledged, but {stored} {what} in the database")

    def create(self, house, beside):
        """New contacts, beside the same rows written without the service."""
        stored = ("SELECT count(*) FROM contacts", "SELECT count(DISTINCT subject_id) FROM idempotency",
                  "SELECT count(*) FROM trail WHERE action = 'contacts.record'")
        before = [house.number(query) for query in stored]
        acknowledged = 0
        for connections in self.options.connections:
            told = self.wrk(house, "create", connections, "op-07")
            acknowledged += told["done"]
            bare = beside(connections)
            self.note(load="create", engine=house.engine, connections=connections, **told, bare=bare,
                      ratio=round(told["per_second"] / bare["per_second"], 3))
        for query, known in zip(stored, before):
            self.expect(house, "rows by " + query, query, known + acknowledged)

    def real(self, house, name, many, connections=8, seconds=2):
        """Records so many contacts over HTTP; they are whole and open like any other."""
        left = many
        while left > 0:
            left -= self.wrk(house, "create", connections, name, seconds=seconds, MOST=str(left))["done"]

    def own(self, house, name):
        """References of the real contacts of somebody: a clone was not recorded, so the trail does not know it."""
        rows = house.sql(f"SELECT c.reference FROM contacts c JOIN trail t ON t.subject = c.reference AND t.action = 'contacts.record' "
                         f"JOIN staff s ON s.id = c.operator_id WHERE s.name = '{name}'")
        return [reference for (reference,) in rows]

    def get(self, house, size=None):
        """Contacts by reference: seals opened, each read a row in the trail."""
        known = self.own(house, "co-03")
        if len(known) < 500:
            self.real(house, "co-03", 2000)
            known = self.own(house, "co-03")
        reads = "SELECT count(*) FROM trail WHERE action = 'contacts.read'"
        acknowledged = house.number(reads)
        for connections in self.options.connections if size is None else [32]:
            told = self.wrk(house, "get", connections, "co-03", known=known)
            acknowledged += told["done"]
            self.note(load="get", engine=house.engine, connections=connections, size=size, **told)
        self.expect(house, "reads in the trail", reads, acknowledged)

    def evaluate(self, house):
        """Answers against the rules; nothing is stored."""
        for connections in self.options.connections:
            told = self.wrk(house, "evaluate", connections, "op-07")
            self.note(load="evaluate", engine=house.engine, connections=connections, **told)

    def queue(self, house):
        """Pages of 50 out of 1,000 and out of 100,000 open tickets."""
        there = 0
        for size in (1_000, 100_000):
            clone_tickets(house, size - there, start=1_000_000 + there, alike=False)
            there = size
            for queue in ("all", "unclaimed", "past_target"):
                path = f"/api/v1/tickets?limit=50&queue={queue}"
                told = self.wrk(house, "list", 32, "lead-1", PATH=path)
                self.note(load="queue", engine=house.engine, connections=32, size=size, queue=queue, **told)

    def match(self, house):
        """One need of one call, over 5,000 services of all types: about 450 are of the one asked for."""
        contact = fill_directory(house, 5_000)
        for connections in (1, 8):
            told = self.wrk(house, "match", connections, "op-07", CONTACT=contact)
            self.note(load="match", engine=house.engine, connections=connections, **told)

    def live(self, house):
        """From the answer of one process to what another tells about it; on SQLite, where one process
        serves, the same one tells."""
        other = house.beside() if house.engine == "postgres" else house
        try:
            waited = sorted(heard_after(house, other, 200))
        finally:
            if other is not house:
                other.stop()
        part = lambda share: round(waited[int(len(waited) * share)] * 1000)
        self.note(load="live", engine=house.engine, told=len(waited), p50_ms=part(0.5), p99_ms=part(0.99), most_ms=round(waited[-1] * 1000))

    def claim(self, house):
        """Tickets out of the queue; each is opened for who claims it. All are clones of one real one."""
        tickets = clone_tickets(house, 12_000 * self.options.seconds)
        claims = "SELECT count(*) FROM trail WHERE action = 'tickets.claim'"
        acknowledged = house.number(claims)
        for connections in self.options.connections:
            told = self.wrk(house, "claim", connections, "co-03", known=tickets)
            acknowledged += told["done"]
            tickets = tickets[told["done"] + told["errors"]:]
            self.note(load="claim", engine=house.engine, connections=connections, **told)
        self.expect(house, "claims in the trail", claims, acknowledged)

    def replay(self, house):
        """Real contacts by the rules in force: none may have another level."""
        many = 100_000
        self.real(house, "op-07", many - house.number("SELECT count(*) FROM contacts"), connections=32, seconds=20)
        begun = time.monotonic()
        told = house.command("rules", "replay").splitlines()[0]
        took = time.monotonic() - begun
        if "0 would have another level" not in told:
            self.faults.append(f"{house.engine}: {told}")
        self.note(load="replay", engine=house.engine, contacts=int(told.split()[0]), seconds=round(took, 2))

    def lists(self, house):
        """Pages of 20, first and half-way down, as each role, in a house of 1,000 to many contacts."""
        self.real(house, "op-07", 500)
        self.real(house, "co-03", 500)
        for size in self.options.sizes:
            house.stop()
            begun = time.monotonic()
            added = fill(house, size)
            took = time.monotonic() - begun
            house.start()
            self.note(load="fill", engine=house.engine, size=size, added=added, seconds=round(took, 1))
            roles = {"coordinator": "lead-1", "operator": "op-07", "counselor": "co-03"}
            for role, name in roles.items():
                pages = {"first": "/api/v1/contacts?limit=20", "deep": half_way(house, name)}
                for page, path in pages.items():
                    last = size == self.options.sizes[-1] and role == "coordinator"
                    for connections in self.options.connections if last else [32]:
                        told = self.wrk(house, "list", connections, name, PATH=path)
                        self.note(load="list", engine=house.engine, connections=connections, size=size, role=role, page=page, **told)
            self.get(house, size)

    def backup(self, house):
        """New contacts while a backup is made, beside the same without one. Runs in the house the lists left."""
        if subprocess.run([house.goldaw, "backup", "--help"], capture_output=True).returncode:
            return
        size = house.number("SELECT count(*) FROM contacts")
        alone = self.wrk(house, "create", 32, "op-07")
        begun, took, told = time.monotonic(), [], []

        def back_up():
            house.command("backup", "--to", os.path.join(self.run, "backups"))
            took.append(round(time.monotonic() - begun, 1))

        beside = threading.Thread(target=back_up)
        beside.start()
        while beside.is_alive():
            told.append(self.wrk(house, "create", 32, "op-07"))
        beside.join()
        if not took:
            raise Fault(f"{house.engine}: the backup failed")
        worst = max(told, key=lambda load: load["p99_ms"])
        self.note(load="backup", engine=house.engine, connections=32, size=size, seconds=took[0], alone=alone, **worst)


def triage(program):
    """What the timings of triage say, as they say it."""
    return subprocess.run([program, "--bench"], text=True, capture_output=True, check=True).stdout


def half_way(house, name):
    """The path of the page in the middle of somebody's list, walked to as a client would."""
    whose = "" if name == "lead-1" else f" WHERE operator_id = (SELECT id FROM staff WHERE name = '{name}')"
    path = "/contacts?limit=200"
    for _ in range(max(1, house.number("SELECT count(*) FROM contacts" + whose) // 400)):
        link = house.answer("GET", path, name=name)[1]["Link"]
        path = link[1:link.index(">")]
    return path.replace("limit=200", "limit=20")


def clone_tickets(house, many, start=0, alike=True):
    """One ticket issued over HTTP, then so many of its kind; gives their references. Alike, or of every
    level, due over a month, one of a hundred with a window of treatment that closes within a week."""
    lead, names = "lead-1", {"en": "Clinic"}
    organisation = house.ask("POST", "/organisations", {"kind": "civil_society", "names": names}, lead)["id"]
    service = house.ask("POST", "/services", {
        "organisation": organisation, "type": "medical", "names": names, "areas": ["TM-M"], "hours": "24/7",
        "location_confidential": True, "duty_to_report": False, "letter_language": "en",
        "capacity": {"unit": "places", "available": 5, "maximum": 9},
        "endpoints": [{"channel": "email", "address": "clinic@example.org"}]}, lead)["id"]
    contact = house.ask("POST", "/contacts", {
        "channel": "phone", "kind": "support", "caller_role": "survivor", "language": "tk", "limits_explained": True,
        "person": {"age_band": "26_40", "sex": "female", "area": "TM-M-BAY"},
        "answers": {"perpetrator_present": "yes", "strangled": "yes"}}, "op-07")["id"]
    house.ask("POST", f"/contacts/{contact}/tickets", {"needs": [{
        "need": "medical", "services": [service],
        "consent": {"given": True, "named_aloud": True, "given_by": "survivor", "how": "verbal", "fields": ["need", "age_band"]}}]},
        "op-07")
    # Codes that read as references, with the check character of their digits.
    # Scattered, as random references are.
    codes = [reference(i * 736338717 % (1 << 50)) for i in range(start + 1, start + many + 1)]
    rows = [f"('{code[2:]}', {number})" for number, code in enumerate(codes)]
    script = ["CREATE TABLE bench_codes (code TEXT, n BIGINT)"]
    script += ["INSERT INTO bench_codes VALUES " + ",".join(rows[at:at + 500]) for at in range(0, many, 500)]
    level, place, care_by, due = "level", "queue_place", "care_by", "queue_due"
    if not alike:
        level = "CASE b.n % 4 WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'medium' ELSE 'low' END"
        place = "CAST(b.n % 4 AS INTEGER)"
        # Not of one level only.
        care_by = "CASE WHEN b.n % 101 = 0 THEN issued_at + (b.n % 168) * 3600000000 END"
        due = "queue_due + (b.n * 7919 % 43200 - 3000) * 60000000"
    script.append(f"""INSERT INTO tickets (id, reference, version, state, contact_id, case_id, level, care_by, area, language, issued_by,
        issued_at, claim_due, queue_place, queue_due, queue_needs, queue_waits)
        SELECT 'bench-' || b.code, 'R-' || b.code, version, state, contact_id, case_id, {level}, {care_by}, area, language, issued_by,
        issued_at, {due}, {place}, {due}, queue_needs, queue_waits FROM bench_codes b, (SELECT * FROM tickets WHERE id NOT LIKE 'bench%' LIMIT 1) t""")
    script.append("""INSERT INTO referrals (id, reference, version, ticket_id, need, state, unroutable, level, service_id, hop, issued_at,
        accept_due, start_due)
        SELECT 'bench-' || b.code, 'F-' || b.code, version, 'bench-' || b.code, need, state, unroutable, level, service_id, hop, issued_at,
        accept_due, start_due FROM bench_codes b, (SELECT * FROM referrals WHERE id NOT LIKE 'bench%' LIMIT 1) r""")
    script.append("""INSERT INTO referral_hops SELECT 'bench-' || b.code, position, service_id, consent_id, fields, 'bench-' || b.code,
        arrival_word, asked_at, left_at, reason FROM bench_codes b,
        (SELECT * FROM referral_hops WHERE referral_id NOT LIKE 'bench%' LIMIT 1) h""")
    script.append("DROP TABLE bench_codes")
    write(house, script)
    return codes


def fill_directory(house, many):
    """So many services of all types, in every province, all clones of one real one but for that; gives a call to match."""
    lead, names = "lead-1", {"en": "House"}
    organisation = house.ask("POST", "/organisations", {"kind": "civil_society", "names": names}, lead)["id"]
    house.ask("POST", "/services", {
        "organisation": organisation, "type": "other", "names": names, "areas": ["TM-M"],
        "hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}], "languages": ["tk", "ru"],
        "location_confidential": True, "duty_to_report": False, "letter_language": "en",
        "capacity": {"unit": "places", "available": 5, "maximum": 9},
        "endpoints": [{"channel": "email", "address": "house@example.org"}]}, lead)
    types = ("medical", "psychosocial", "safe_house", "legal", "police", "social_support", "child_protection", "livelihoods", "education",
             "transport", "other")
    columns = """organisation_id, names, descriptions, status, location_area, location_confidential, hours, languages, eligibility, access,
        stock, capacity_unit, capacity_unlimited, capacity_available, capacity_maximum, capacity_stated_at, duty_to_report, preference,
        focal_points, phone, letter_language, verified_at, updated_at"""
    rows = [(f"match-{n}", reference((n + 1) * 736338717 % (1 << 50)), types[n % len(types)], ("TM-M", "TM-S", "TM-A", "TM-B", "TM-D")[n % 5])
            for n in range(many)]
    told = ",".join(f"('{key}', 'S{code[1:]}', '{kind}', '{area}')" for key, code, kind, area in rows)
    one = "(SELECT * FROM services WHERE id NOT LIKE 'match%' AND type = 'other' LIMIT 1) s"
    write(house, [
        "CREATE TABLE bench_services (service TEXT, code TEXT, kind TEXT, area TEXT)", f"INSERT INTO bench_services VALUES {told}",
        f"INSERT INTO services (id, reference, version, type, {columns}) SELECT b.service, b.code, 1, b.kind, {columns} FROM bench_services b, {one}",
        "INSERT INTO service_areas (service_id, area) SELECT service, area FROM bench_services",
        """INSERT INTO endpoints (id, service_id, position, channel, address, status, updated_at)
            SELECT service, service, 0, 'email', 'house@example.org', 'active', 0 FROM bench_services""",
        "DROP TABLE bench_services"])
    return house.ask("POST", "/contacts", {
        "channel": "phone", "kind": "support", "caller_role": "survivor", "language": "tk",
        "person": {"age_band": "26_40", "sex": "female", "area": "TM-M-BAY"}}, "op-07")["id"]


def heard_after(house, other, times):
    """Seconds from the answer to a new call until somebody who listens to another process hears of it."""
    request = urllib.request.Request(other.url + "/api/v1/events", headers={"Authorization": "Bearer " + house.token("lead-1")})
    events, heard, waited = urllib.request.urlopen(request, timeout=60), queue.Queue(), []

    def listen():
        # Ends with the process, or with this one.
        with contextlib.suppress(OSError, AttributeError, ValueError):
            for line in events:
                heard.put((time.monotonic(), line))

    threading.Thread(target=listen, daemon=True).start()
    for _ in range(times):
        call = house.ask("POST", "/contacts", {"channel": "phone"}, "op-07")["id"].encode()
        answered = time.monotonic()
        at, line = heard.get(timeout=20)
        while call not in line:
            at, line = heard.get(timeout=20)
        waited.append(max(0, at - answered))
        # Not in step with the looks of the other process.
        time.sleep(0.013 * (len(waited) % 11))
    return waited


def write(house, script):
    if house.engine == "postgres":
        house.sql("BEGIN;" + ";".join(script) + ";COMMIT;ANALYZE")
        return
    db = sqlite3.connect(os.path.join(house.folder, "goldaw.db"), timeout=60, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    for statement in script:
        db.execute(statement)
    db.execute("COMMIT")
    db.close()


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def reference(i):
    """A ticket's reference for a number, with its check character (src/storage/reference.rs)."""
    symbols = [(i >> (5 * place)) & 31 for place in range(10)]
    total, weight = 0, 1
    for symbol in symbols:
        weight = times(weight, 2)
        total ^= times(weight, symbol)
    text = "".join(ALPHABET[symbol] for symbol in [*symbols, total])
    return f"R-{text[:4]}-{text[4:8]}-{text[8:]}"


def times(a, b):
    product = 0
    for bit in range(5):
        if b >> bit & 1:
            product ^= a
        a <<= 1
        if a & 32:
            a ^= 0b100101
    return product


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare_sqlite(bench, house, program):
    """The bare writer over a database of its own, with rows of the service's size."""
    folder = os.path.join(bench.run, "bare")
    house.command_in(folder, "migrate")
    house.command_in(folder, "user", "add", "op-07", "--role", "operator")

    def beside(connections):
        sizes = [str(house.number(f"SELECT max(length(document)) FROM {table}")) for table in ("contacts", "assessments")]
        used = children_seconds()
        done = subprocess.run([program, folder, str(connections), str(bench.options.seconds), *sizes],
                              text=True, capture_output=True, check=True)
        told = json.loads(done.stdout)
        told["cpu_us"] = round((children_seconds() - used) * 1e6 / max(1, told["created"]))
        return told
    return beside


def bare_postgres(bench, house, postgres):
    """pgbench over a database of its own."""
    copied = False

    def beside(connections):
        nonlocal copied
        if not copied:
            prepare_bare_postgres(house, postgres)
            copied = True
        bench.number += 1
        prefix = os.path.join(bench.run, f"pgbench-{bench.number}")
        done = subprocess.run(
            [os.path.join(postgres.programs, "pgbench"), "-n", "-M", "prepared", "-c", str(connections), "-j", "1",
             "-T", str(bench.options.seconds), "-D", f"run={bench.number}", "-D", "mine=0", "-l", f"--log-prefix={prefix}",
             "--max-tries=4", "-f", os.path.join(HERE, "create.pgbench"), postgres.url("bench_bare")],
            text=True, capture_output=True)
        if done.returncode:
            raise Fault(f"pgbench: {done.stderr.strip()[-500:]}")
        times, failed = [], 0
        for path in glob.glob(prefix + ".*"):
            for line in open(path):
                word = line.split()[2]
                if word.isdigit():
                    times.append(int(word))
                else:
                    failed += 1
            os.remove(path)
        times.sort()
        at = lambda share: round(times[min(len(times) - 1, len(times) * share // 100)] / 1000, 3)
        return {"done": len(times), "per_second": round(len(times) / bench.options.seconds, 1), "p50_ms": at(50), "p95_ms": at(95),
                "p99_ms": at(99), "errors": failed}
    return beside


def prepare_bare_postgres(house, postgres):
    """The same tables, somebody to have recorded the calls, and bytes that were really sealed."""
    for name in ("bench_bare", "bench_bare_keys"):
        postgres.sql(f"CREATE DATABASE {name}", "postgres")
    folder = os.path.join(house.run, "postgres-bare")
    env = dict(house.env, GOLDAW__DATABASE__URL=postgres.url("bench_bare"),
               GOLDAW__DATABASE__KEYS_URL=postgres.url("bench_bare_keys"), GOLDAW__VAULT__ROOT_KEY_FILE=folder + ".root")
    done = subprocess.run([house.goldaw, "migrate", "--data", folder], env=env, text=True, capture_output=True)
    if done.returncode:
        raise Fault(f"goldaw migrate: {done.stderr.strip()}")
    document, assessment = (house.sql(f"SELECT encode(document, 'hex') FROM {table} LIMIT 1")[0][0] for table in ("contacts", "assessments"))
    postgres.sql(f"""INSERT INTO staff (id, reference, version, name, role, passphrase_hash, totp_last_step, active, created_at, updated_at)
        VALUES ('op', 'W-1', 1, 'op-07', 'operator', '', 0, true, 0, 0);
        CREATE TABLE bench_bytes AS SELECT 'op' AS operator, decode('{document}', 'hex') AS document, decode('{assessment}', 'hex') AS assessment""",
                 "bench_bare")
