# Holds the program against its own contract, on both engines. Sourced by test.sh and prove.sh, after
# start_postgres.

# CASES SEED
prove_api() {
    need_schemathesis
    cargo build --locked --quiet --bin goldaw || return 1
    for name in api api_keys; do "$PROGRAMS/createdb" -h "$SERVER" -U goldaw "$name" || return 1; done
    python3 scripts/prove/api.py "${CARGO_TARGET_DIR:-target}/debug/goldaw" "$SCHEMATHESIS" "$1" "$2" \
        sqlite "postgres://goldaw@${SERVER//\//%2F}/api"
}
