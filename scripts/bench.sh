#!/usr/bin/env bash
# Measures the service on this machine, on SQLite, over HTTP: contacts recorded per second and how
# long each took, at 1, 8 and 32 connections; in turn with a bare writer, which runs the same
# statements without the service around them (scripts/bench/bare_writer.rs). Also the start on an
# existing folder and the memory. Compare figures of one run only: another run is another hour.
#   scripts/bench.sh [--seconds N] [--json]     N for each of the six loads, 10 at first
# Exit code 0 only if every request was answered 201 and every answer is in the database, once.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10 json=
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2 && shift ;;
    --json) json=yes ;;
    *)
        sed -n '2,7s/^# *//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done

# Nobody's own settings: a database named in the environment must not be filled with this.
unset "${!GOLDAW_@}"

. scripts/tools.sh
need_rust
missing=()
for tool in wrk curl python3; do command -v "$tool" >/dev/null || missing+=("$tool"); done
{ command -v cc && command -v make && command -v perl; } >/dev/null || missing+=(build-essential)
install_packages "${missing[@]}" >&2

# Not /tmp, which may be memory: flushing to disk is what this is about.
RUN=$(mktemp -d "${TMPDIR:-/var/tmp}/goldaw-bench.XXXXXX")
server=
stop() {
    [ -z "$server" ] && return
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap 'stop; rm -rf "$RUN"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

echo "building" >&2
cargo build --release --locked --quiet --bin goldaw --example bare_writer
target=${CARGO_TARGET_DIR:-target}
goldaw=$target/release/goldaw
bare=$target/release/examples/bare_writer

# A fresh folder with one operator; the passphrase goes to standard output.
new_folder() {
    export GOLDAW__VAULT__ROOT_KEY_FILE=$RUN/$1.root
    "$goldaw" migrate --data "$RUN/$1" >/dev/null
    "$goldaw" user add op-07 --role operator --data "$RUN/$1" | sed -n 's/^passphrase *//p'
}

# Starts the service and waits until it answers; leaves $server, $url and $ready_ms.
start() {
    : >"$RUN/said" # not what the one before said
    local begun=$EPOCHREALTIME
    "$goldaw" serve --data "$RUN/service" --listen 127.0.0.1:0 >"$RUN/said" 2>>"$RUN/log" &
    server=$!
    until url=$(sed -n 's/^Listening on //p' "$RUN/said") && [ -n "$url" ]; do
        kill -0 "$server" 2>/dev/null || { tail -n 5 "$RUN/log" >&2 && exit 1; }
        sleep 0.005
    done
    curl -sSf --max-time 10 -o "$RUN/ready" "$url/health/ready"
    ready_ms=$(((${EPOCHREALTIME/[.,]/} - ${begun/[.,]/}) / 1000))
}

resident() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$server/status"; }

# Not more than ten minutes of life: each load signs in anew.
sign_in() {
    printf '{"name":"op-07","passphrase":"%s"}' "$passphrase" |
        curl -sSf -H 'Content-Type: application/json' --data-binary @- "$url/api/v1/auth/login" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
}

# One line of JSON about the service under so many connections.
load_service() {
    GOLDAW_BENCH_TOKEN=$(sign_in)
    export GOLDAW_BENCH_TOKEN GOLDAW_BENCH_SECONDS=$seconds GOLDAW_BENCH_RUN="run-$1"
    GOLDAW_BENCH_OPENED=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    export GOLDAW_BENCH_OPENED
    # A second more than it sends for: what is under way is answered.
    wrk -t 1 -c "$1" -d "$((seconds + 1))s" -s scripts/bench/create.lua "$url" | tail -n 1
}

# Counts and sizes of what is in the database now.
look() {
    python3 - "$RUN/service/goldaw.db" <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
one = lambda sql: db.execute(sql).fetchone()[0] or 0
print(one("SELECT count(*) FROM contacts"),
      one("SELECT count(DISTINCT subject_id) FROM idempotency"),
      one("SELECT count(*) FROM trail WHERE action = 'contacts.record'"),
      one("SELECT max(length(document)) FROM contacts"),
      one("SELECT max(length(document)) FROM assessments"))
PYTHON
}

passphrase=$(new_folder service)
new_folder bare >/dev/null
export GOLDAW__VAULT__ROOT_KEY_FILE=$RUN/service.root

starts=()
for _ in 1 2 3 4 5; do
    start
    starts+=("$ready_ms")
    stop
done
start
sleep 1
idle=$(resident)
flush=$(python3 - "$RUN/flush" <<'PYTHON'
import os, statistics, sys, time
file, times = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND), []
for _ in range(200):
    begun = time.perf_counter()
    os.write(file, bytes(4096))
    os.fdatasync(file)
    times.append(time.perf_counter() - begun)
print(round(statistics.median(times) * 1000, 3))
PYTHON
)

for connections in 1 8 32; do
    echo "$connections connections" >&2
    load_service "$connections" >"$RUN/service.$connections"
    read -r _ _ _ document assessment <<<"$(look)"
    "$bare" "$RUN/bare" "$connections" "$seconds" "$document" "$assessment" >"$RUN/bare.$connections"
done
loaded=$(resident)
stop
read -r rows keys trail _ <<<"$(look)"

python3 - "$RUN" "$json" "$flush" "$idle" "$loaded" "$rows" "$keys" "$trail" "${starts[@]}" <<'PYTHON'
import json, statistics, sys
run, as_json, flush, idle, loaded, rows, keys, trail, *starts = sys.argv[1:]
loads, created, errors = [], 0, []
for connections in (1, 8, 32):
    service, bare = (json.load(open(f"{run}/{who}.{connections}")) for who in ("service", "bare"))
    created += service["created"]
    example = service.pop("first_error")
    if service["errors"]:
        errors.append(f"{connections} connections: {service['errors']} errors, such as {example or 'a lost connection'}")
    ratio = round(service["per_second"] / bare["per_second"], 3)
    loads.append({"connections": connections, "service": service, "bare": bare, "ratio": ratio})
if not int(rows) == int(keys) == int(trail) == created:
    errors.append(f"{created} were acknowledged; the database has {rows} contacts, {keys} keys, {trail} trail rows")
told = {"flush_ms": float(flush), "ready_ms": statistics.median(map(int, starts)), "idle_mb": float(idle),
        "loaded_mb": float(loaded), "acknowledged": created, "in_database": int(rows), "loads": loads, "faults": errors}
if as_json:
    print(json.dumps(told))
else:
    print(f"flush to disk {told['flush_ms']} ms; start to ready {told['ready_ms']:.0f} ms; "
          f"memory {idle} MB idle, {loaded} MB after load")
    print(f"acknowledged {created}, in the database {rows}, under {keys} keys\n")
    print("connections  who      contacts/s    p50 ms    p95 ms    p99 ms  errors  service/bare")
    for load in loads:
        for who in ("service", "bare"):
            f = load[who]
            print(f"{load['connections']:>11}  {who:<7}  {f['per_second']:>10.0f}  {f['p50_ms']:>8.2f}  {f['p95_ms']:>8.2f}"
                  f"  {f['p99_ms']:>8.2f}  {f['errors']:>6}  {load['ratio'] if who == 'service' else '':>12}")
    for fault in errors:
        print(f"FAULT: {fault}")
sys.exit(1 if errors else 0)
PYTHON
