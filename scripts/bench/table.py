"""The figures as tables for a person."""

COLUMNS = f"{'connections':>11}  {'per second':>10}  {'p50 ms':>8}  {'p95 ms':>8}  {'p99 ms':>8}  {'cpu µs':>6}"


def figures(row):
    return f"{row['per_second']:>10.0f}  {row['p50_ms']:>8.2f}  {row['p95_ms']:>8.2f}  {row['p99_ms']:>8.2f}  {row.get('cpu_us', ''):>6}"


def show(told):
    print(f"{told['machine']['cpus']} processors shared with the load generator; flush to disk {told['flush_ms']} ms")
    for house in told["houses"]:
        print(f"{house['engine']}: start to ready {house['ready_ms']:.0f} ms; memory {house['idle_mb']} MB idle, "
              f"{house.get('loaded_mb', house['idle_mb'])} MB after load, {house.get('most_mb', house['idle_mb'])} MB at most")
    rows = told["rows"]
    create(rows)
    for load, title in (("get", "get by id: seals opened, a row in the trail"), ("evaluate", "triage/evaluate"),
                        ("claim", "claim of a ticket")):
        plain(title, [row for row in rows if row["load"] == load and not row.get("size")])
    queues = [row for row in rows if row["load"] == "queue"]
    if queues:
        print(f"\npages of 50 of a queue\n{'engine':<8}  {'queue':<12}  {'tickets':>8}  {COLUMNS}")
    for row in queues:
        print(f"{row['engine']:<8}  {row['queue']:<12}  {row['size']:>8}  {row['connections']:>11}  {figures(row)}")
    plain("match of one need over 5,000 services", [row for row in rows if row["load"] == "match"])
    for row in (row for row in rows if row["load"] == "live"):
        print(f"\n{row['engine']}: {row['told']} new calls were heard of in another process after {row['p50_ms']} ms (median), "
              f"{row['p99_ms']} ms (p99), {row['most_ms']} ms at most", end="")
    for row in (row for row in rows if row["load"] == "replay"):
        print(f"\n{row['engine']}: {row['contacts']} contacts replayed by other rules in {row['seconds']} s, start included", end="")
    lists(rows)
    backups(rows)
    if "triage" in told:
        print("\n\ntriage alone, on one core\n" + told["triage"].rstrip())
    for fault in told["faults"]:
        print(f"FAULT: {fault}")


def create(rows):
    rows = [row for row in rows if row["load"] == "create"]
    if rows:
        print(f"\ncreate, and the same rows without the service\n{'engine':<8}  {COLUMNS}  {'beside':<11}  {'per second':>10}  {'p50 ms':>8}  {'p95 ms':>8}  {'p99 ms':>8}  {'cpu µs':>6}  ratio")
    for row in rows:
        beside = "bare writer" if row["engine"] == "sqlite" else "pgbench"
        print(f"{row['engine']:<8}  {row['connections']:>11}  {figures(row)}  {beside:<11}  {figures(row['bare'])}  {row['ratio']:>5.3f}")


def plain(title, rows):
    if rows:
        print(f"\n{title}\n{'engine':<8}  {COLUMNS}")
    for row in rows:
        print(f"{row['engine']:<8}  {row['connections']:>11}  {figures(row)}")


def lists(rows):
    for row in rows:
        if row["load"] == "fill" and row["added"]:
            print(f"\n{row['engine']}: {row['added']} contacts added in {row['seconds']} s (clones; see scripts/bench/fill.py)", end="")
    sized = [row for row in rows if row["load"] in ("list", "get") and row.get("size")]
    if sized:
        print(f"\n\nin a long house: lists of 20, and get by id of a real one\n{'engine':<8}  {'what':<22}  {'contacts':>9}  {COLUMNS}")
    for row in sized:
        what = f"{row['role']} {row['page']}" if row["load"] == "list" else "get"
        print(f"{row['engine']:<8}  {what:<22}  {row['size']:>9}  {row['connections']:>11}  {figures(row)}")


def backups(rows):
    rows = [row for row in rows if row["load"] == "backup"]
    if rows:
        print(f"\nbackup under load of new contacts\n{'engine':<8}  {'contacts':>9}  {'backup s':>8}  {COLUMNS}  {'p99 alone':>9}")
    for row in rows:
        print(f"{row['engine']:<8}  {row['size']:>9}  {row['seconds']:>8}  {row['connections']:>11}  {figures(row)}  {row['alone']['p99_ms']:>9.2f}")
