# A Debian of one's own where no registry can be reached. Sourced by image.sh and fresh.sh, which
# set RUN to a folder that goes at the end.

# A minimal Debian, as old as this machine's, in a folder; further packages by name.
new_debian() {
    local folder=$1 packages=$2 suite mirror
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-trixie}")
    mirror=$({ apt-get indextargets --format '$(REPO_URI)' || true; } | { grep -v security || true; } | sed -n 1p)
    debootstrap --variant=minbase --include="$packages" "$suite" "$folder" "${mirror:-http://deb.debian.org/debian}" \
        >"$RUN/debootstrap.log" 2>&1 || { tail -n 5 "$RUN/debootstrap.log" >&2 && exit 1; }
    # The same sources, name servers and certificates as here: what is proven is the program.
    rm -rf "$folder/etc/apt/sources.list" "$folder/etc/apt/sources.list.d"
    cp -a /etc/apt/sources.list* /etc/apt/apt.conf.d "$folder/etc/apt/" 2>/dev/null || true
    mkdir -p "$folder/etc/ssl/certs"
    cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
    cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/ca-certificates.crt"
}

# This machine's Rust, to be mounted read-only: what cargo is called with, and its registry's copies.
rust_here() {
    SYSROOT=$(rustc --print sysroot)
    REGISTRY=${CARGO_HOME:-$HOME/.cargo}
}
