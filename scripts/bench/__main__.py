"""Runs the loads in their order; see scripts/bench.sh."""

import argparse
import json
import os
import signal
import sys
import time

import table
from house import Fault, House, Postgres, flush_ms
from loads import Bench, bare_postgres, bare_sqlite, triage

PARTS = ("create", "get", "evaluate", "match", "queue", "live", "claim", "replay", "list", "backup", "triage")
# These want a house of many contacts; the backup is made of the one that the lists were asked in.
LONG = ("list", "backup")
# No service is needed for this.
ALONE = ("triage",)


def listed(kind, allowed=None):
    def read(text):
        values = [kind(word) for word in text.split(",")]
        if allowed and not set(values) <= set(allowed):
            raise argparse.ArgumentTypeError("of " + ", ".join(allowed))
        return values
    return read


def options():
    read = argparse.ArgumentParser(prog="scripts/bench.sh", description="Measures the service on this machine; see the script's head.")
    read.add_argument("--only", type=listed(str, PARTS), default=list(PARTS), metavar="PART,…", help=", ".join(PARTS))
    read.add_argument("--engines", type=listed(str, ("sqlite", "postgres")), default=["sqlite", "postgres"], metavar="ENGINE,…")
    read.add_argument("--seconds", type=int, default=10, help="for each load; 10 at first")
    read.add_argument("--connections", type=listed(int), default=[1, 8, 32, 128], metavar="N,…")
    read.add_argument("--sizes", type=listed(int), default=[1_000, 50_000, 1_000_000], metavar="N,…", help="contacts, for lists and backup")
    read.add_argument("--json", action="store_true")
    read.add_argument("--run", help=argparse.SUPPRESS)
    read.add_argument("--goldaw", help=argparse.SUPPRESS)
    read.add_argument("--bare", help=argparse.SUPPRESS)
    read.add_argument("--triage", help=argparse.SUPPRESS)
    return read.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(asked, bench, houses, told):
    postgres = Postgres(os.environ["GOLDAW_BENCH_PROGRAMS"], os.environ["GOLDAW_TEST_POSTGRES"]) if "postgres" in asked.engines else None
    told["flush_ms"] = flush_ms(asked.run)
    if "triage" in asked.only:
        say("triage")
        told["triage"] = triage(asked.triage)
    if set(asked.only) <= set(ALONE):
        return

    def new_house(name, engine):
        house = House(name, engine, asked.run, asked.goldaw, postgres)
        houses.append(house)
        return house

    work = [new_house("work", engine) for engine in asked.engines]
    for house in work:
        for _ in range(5):
            house.start()
            house.stop()
        house.start()
        time.sleep(1)
        told["houses"].append({"engine": house.engine, "ready_ms": sorted(house.ready_ms)[2], "idle_mb": house.resident_mb()})
    for part in (part for part in asked.only if part not in LONG + ALONE):
        for house in work:
            say(f"{part}, {house.engine}")
            run(part, bench, house, asked, postgres)
    for house, kept in zip(work, told["houses"]):
        kept.update(loaded_mb=house.resident_mb(), most_mb=house.resident_mb(most=True))
        house.stop()
    if "list" in asked.only:
        # A house of its own, as long as it is said to be.
        for house in [new_house("long", engine) for engine in asked.engines]:
            house.start()
            for part in (part for part in LONG if part in asked.only):
                say(f"{part}, {house.engine}")
                run(part, bench, house, asked, postgres)
            house.stop()


def run(part, bench, house, asked, postgres):
    if part == "create" and house.engine == "sqlite":
        bench.create(house, bare_sqlite(bench, house, asked.bare))
    elif part == "create":
        bench.create(house, bare_postgres(bench, house, postgres))
    elif part == "list":
        bench.lists(house)
    else:
        getattr(bench, part)(house)


def main():
    asked = options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    bench, houses = Bench(asked, asked.run), []
    told = {"machine": {"cpus": os.cpu_count()}, "houses": [], "rows": bench.rows, "faults": bench.faults}
    try:
        measure(asked, bench, houses, told)
    except Fault as fault:
        bench.faults.append(str(fault))
    finally:
        for house in houses:
            house.stop()
    told.setdefault("flush_ms", 0)
    if asked.json:
        print(json.dumps(told))
    else:
        table.show(told)
    sys.exit(1 if bench.faults else 0)


main()
