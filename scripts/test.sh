#!/usr/bin/env bash
# Checks everything: format, lints, licences and advisories, every test on both engines, doc tests.
# Installs what is missing (Debian packages; cargo-nextest and cargo-deny), starts one PostgreSQL for
# the run on a socket of its own, and takes it away again. The last line is the sum of what ran.
# Arguments go to cargo nextest: scripts/test.sh storage
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0 skipped=0
count() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }

# A check that is one yes or no. Its output is shown as it comes.
check() {
    local name=$1
    shift
    echo "== $name"
    if "$@"; then count 1 0 0; else
        echo "== $name: FAILED"
        count 0 1 0
    fi
}

# Adds up what a test runner said about itself; a runner that said nothing failed.
tally() {
    local name=$1 log=$2 status=$3 sums
    sums=$(python3 - "$log" <<'PYTHON'
import re, sys
text = re.sub(r"\x1b\[[0-9;]*m", "", open(sys.argv[1], errors="replace").read())
lines = [l for l in text.splitlines() if re.search(r"tests? run: |^test result: ", l)]
def sum_of(words):
    return sum(int(n) for l in lines for n in re.findall(r"(\d+) (?:%s)\b" % words, l))
print(sum_of("passed"), sum_of("failed|exec failed|timed out"), sum_of("skipped|ignored"), len(lines))
PYTHON
    )
    read -r yes no not_run said <<<"$sums"
    if [ "${said:-0}" = 0 ] || { [ "$status" != 0 ] && [ "$no" = 0 ]; }; then
        echo "== $name: FAILED"
        no=$((no + 1))
    fi
    count "$yes" "$no" "$not_run"
}

. scripts/tools.sh
need_tools
need_cargo_tool nextest 0.9.143
need_cargo_tool deny 0.20.2

. scripts/postgres.sh
start_postgres

check "format" cargo fmt --check
check "lints" cargo clippy --all-targets --locked -- -D warnings
check "licences and sources" cargo deny --locked check licenses bans sources
echo "== advisories"
if timeout 120 cargo deny --locked fetch db >"$RUN/fetch.log" 2>&1; then
    check "advisories" cargo deny --locked check --disable-fetch advisories
else
    echo "advisories skipped: the advisory database cannot be reached ($(grep -m1 -iE 'error|caused|resolve|connect' "$RUN/fetch.log" | cut -c1-120))"
    count 0 0 1
fi

echo "== tests"
cargo nextest run --locked --no-fail-fast "$@" 2>&1 | tee "$RUN/nextest.log"
tally "tests" "$RUN/nextest.log" "$?"

echo "== doc tests"
cargo test --locked --doc 2>&1 | tee "$RUN/doc.log"
tally "doc tests" "$RUN/doc.log" "$?"

. scripts/prove/api.sh
check "contract" prove_api 500 1

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
