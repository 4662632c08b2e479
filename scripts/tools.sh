# What the checks need, installed where it is missing. Sourced by test.sh, prove.sh and
# bench.sh.

# Where Debian keeps the server's programs; they are not on the PATH.
postgres_programs() {
    local programs
    programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    if [ -n "$programs" ] && [ -x "$programs/initdb" ]; then
        echo "$programs"
    elif command -v initdb >/dev/null; then
        dirname "$(command -v initdb)"
    else
        return 1
    fi
}

# Debian packages: PostgreSQL for the tests, Python for the counts and the short checks, and what
# building the bundled SQLite, libpq and OpenSSL takes.
need_tools() {
    need_rust
    local packages=()
    postgres_programs >/dev/null || packages+=(postgresql)
    command -v python3 >/dev/null || packages+=(python3)
    command -v git >/dev/null || packages+=(git)
    { command -v cc && command -v make && command -v perl; } >/dev/null || packages+=(build-essential)
    install_packages "${packages[@]}"
}

need_rust() {
    command -v cargo >/dev/null && return
    echo "Rust is missing. Install it: https://rustup.rs, or apt-get install rustup && rustup default stable" >&2
    exit 1
}

# Debian packages by name; none is nothing to do.
install_packages() {
    local packages=("$@")
    [ ${#packages[@]} = 0 ] && return
    local install="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "Missing: ${packages[*]}. As root: $install" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "== installing ${packages[*]}"
    if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${packages[@]}"; }; then
        echo "Could not install them. As root: $install" >&2
        exit 1
    fi
}

# schemathesis, which holds a service against its OpenAPI document; in a folder of its own that is kept
# for every clone. Leaves $SCHEMATHESIS.
need_schemathesis() {
    local version=4.32.5
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/goldaw/schemathesis-$version
    SCHEMATHESIS=$folder/bin/schemathesis
    "$SCHEMATHESIS" --version >/dev/null 2>&1 && return
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    echo "== installing schemathesis $version"
    if ! { python3 -m venv --clear "$folder" && "$folder/bin/pip" install --quiet "schemathesis==$version"; }; then
        echo "Could not install it: pip install schemathesis==$version" >&2
        exit 1
    fi
}

# A cargo subcommand, built once and kept in cargo's own folder for every clone.
need_cargo_tool() {
    local tool=cargo-$1 version=$2
    cargo "$1" --version >/dev/null 2>&1 && return
    echo "== installing $tool $version (some minutes, once)"
    # Speed of the tool itself matters less than getting to the tests.
    if ! CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        cargo install --locked "$tool@$version"; then
        echo "Could not install it: cargo install --locked $tool@$version" >&2
        exit 1
    fi
}
