#!/usr/bin/env bash
# Measures the service on this machine, over HTTP, on SQLite and on PostgreSQL: what it answers per
# second and how long that takes, at 1, 8, 32 and 128 connections. New contacts stand beside the same
# rows written without a service around them: by a bare writer on SQLite (scripts/bench/bare_writer.rs),
# by pgbench on PostgreSQL (scripts/bench/create.pgbench). Lists are asked in a house of 1,000, 50,000
# and 1,000,000 contacts. Also the start, the memory, the flush, a backup under load; the replay of
# 100,000 contacts by other rules; pages of a queue of 1,000 and 100,000 tickets; matching over a directory of
# 5,000 services; how long until another process tells what happened; and triage alone, beside other
# expression languages.
#   scripts/bench.sh [--only create,get,evaluate,match,queue,live,claim,replay,list,backup,triage] [--engines sqlite,postgres]
#                    [--seconds N] [--connections 1,8,32,128] [--sizes 1000,50000,1000000] [--json]
# Compare figures of one run only: another run is another hour. Exit code 0 only if every answer was
# the right one and what was acknowledged is in the database, once.
set -euo pipefail
cd "$(dirname "$0")/.."

# Nobody's own settings: a database named in the environment must not be filled with this.
unset "${!GOLDAW_@}" "${!PG@}" 2>/dev/null || true

. scripts/tools.sh
need_tools >&2
missing=()
for tool in wrk; do command -v "$tool" >/dev/null || missing+=("$tool"); done
install_packages "${missing[@]}" >&2

echo "building" >&2
cargo build --release --locked --quiet --bin goldaw --example bare_writer
target=${CARGO_TARGET_DIR:-target}
case " $* " in
*" --only "*) [[ " $* " == *triage* ]] && triage=yes || triage= ;;
*) triage=yes ;;
esac
[ -z "$triage" ] || cargo build --release --locked --quiet --manifest-path scripts/bench/triage/Cargo.toml --target-dir "$target"

# Not /tmp, which may be memory: flushing to disk is what this is about.
export RUNS_BELOW=${TMPDIR:-/var/tmp}
case " $* " in
*" --engines sqlite "*)
    RUN=$(mktemp -d "$RUNS_BELOW/goldaw-bench.XXXXXX")
    trap 'rm -rf "$RUN"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    ;;
*)
    . scripts/postgres.sh
    start_postgres
    export GOLDAW_BENCH_PROGRAMS=$PROGRAMS
    ;;
esac
mkdir -m 0700 "$RUN/bench"
# Its own defaults come first; options given win.
python3 -B scripts/bench --run "$RUN/bench" --goldaw "$target/release/goldaw" \
    --bare "$target/release/examples/bare_writer" --triage "$target/release/goldaw-bench-triage" "$@"
