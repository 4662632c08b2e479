# One PostgreSQL for a run: a fresh folder, a socket nobody else can reach, flushing to disk as in
# earnest. Stopped and removed when the run ends, however it ends. Sourced by test.sh and prove.sh.

start_postgres() {
    RUN=$(mktemp -d "${RUNS_BELOW:-/tmp}/goldaw-run.XXXXXX")
    trap end_run EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    PROGRAMS=$(postgres_programs) || exit 1
    SERVER=$RUN/postgres
    mkdir -m 0700 "$SERVER"
    AS_SERVER=()
    if [ "$(id -u)" = 0 ]; then
        # The server refuses to run as root; root reaches its socket nevertheless.
        chmod 0711 "$RUN"
        chown postgres "$SERVER"
        AS_SERVER=(runuser -u postgres --)
    fi
    # The folder the script was called from may be closed to the server's user.
    if ! (cd / && "${AS_SERVER[@]}" "$PROGRAMS/initdb" -D "$SERVER/data" -U goldaw -A trust -E UTF8 --locale=C.UTF-8 \
        --no-sync >"$RUN/initdb.log" 2>&1); then
        cat "$RUN/initdb.log" >&2
        exit 1
    fi
    cat >"$RUN/settings" <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$SERVER'
unix_socket_permissions = 0700
max_connections = 300
fsync = on
synchronous_commit = on
full_page_writes = on
SETTINGS
    cat "$RUN/settings" >>"$SERVER/data/postgresql.conf"
    if ! (cd / && "${AS_SERVER[@]}" "$PROGRAMS/pg_ctl" -D "$SERVER/data" -l "$SERVER/log" -w -t 60 start >"$RUN/start.log" 2>&1); then
        cat "$RUN/start.log" "$SERVER/log" >&2
        exit 1
    fi
    export GOLDAW_TEST_POSTGRES="postgres://goldaw@${SERVER//\//%2F}/postgres"
}

end_run() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    (cd / && "${AS_SERVER[@]}" "$PROGRAMS/pg_ctl" -D "$SERVER/data" -m immediate -w stop >/dev/null 2>&1)
    rm -rf "$RUN"
    exit "$status"
}
