#!/usr/bin/env bash
# Builds the image, runs what is in it as its user, and measures it. Called by prove.sh; as root.
#   BASE=…   a base image to build on; without it, and without a registry, one is made here
#   CACHE=…  a target folder of this machine's own Rust to go on from
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/tools.sh
. scripts/prove/base.sh
missing=()
for tool in buildah debootstrap python3; do command -v "$tool" >/dev/null || missing+=("$tool"); done
install_packages "${missing[@]}" >&2

RUN=$(mktemp -d "${TMPDIR:-/var/tmp}/goldaw-image.XXXXXX")
# Images of its own, which go with the folder.
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
images() { buildah --root "$RUN/images" --runroot "$RUN/run" "$@"; }
server=
end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    images rm --all >/dev/null 2>&1 || true
    rm -rf "$RUN"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mounts=()
base=${BASE-}
if [ -z "$base" ] && ! timeout 120 buildah --root "$RUN/images" --runroot "$RUN/run" \
    pull docker.io/library/rust:1-trixie >"$RUN/pull.log" 2>&1; then
    echo "no registry can be reached: building on a Debian made here, with this machine's Rust" >&2
    need_rust
    rust_here
    new_debian "$RUN/debian" build-essential,ca-certificates,perl
    container=$(images from scratch)
    images add -q "$container" "$RUN/debian" / >/dev/null
    environment=(--env "PATH=$SYSROOT/bin:/usr/sbin:/usr/bin:/sbin:/bin" --env "CARGO_HOME=/opt/cargo")
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        [ -z "${!name-}" ] || environment+=(--env "$name=${!name}")
    done
    mounts=(--volume "$SYSROOT:$SYSROOT:ro" --volume "$REGISTRY:/opt/cargo")
    if [ -n "${CACHE-}" ]; then
        environment+=(--env "CARGO_TARGET_DIR=$CACHE")
        mounts+=(--volume "$CACHE:$CACHE")
    fi
    images config "${environment[@]}" "$container"
    images commit -q --rm "$container" goldaw-base >/dev/null
    rm -rf "$RUN/debian"
    base=localhost/goldaw-base
fi
images build -q --network host "${mounts[@]}" ${base:+--build-arg "BASE=$base"} -t goldaw . >"$RUN/build.log" 2>&1 ||
    { tail -n 40 "$RUN/build.log" >&2 && exit 1; }

images push -q goldaw "oci-archive:$RUN/goldaw.tar" >/dev/null
compressed=$(stat -c %s "$RUN/goldaw.tar")
container=$(images from goldaw)
root=$(images mount "$container")
bytes=$(du -sb --apparent-size "$root" | cut -f 1)
[ "$(images inspect --type image --format '{{.OCIv1.Config.User}}' goldaw)" = 10001:10001 ]
[[ $(images inspect --type image --format '{{.OCIv1.Config.Volumes}}' goldaw) == *"/var/lib/goldaw"* ]]
# A folder is mounted in the volume's place; some versions of buildah mount both, in any order.
images config --volume /var/lib/goldaw- "$container"

install -d -m 0700 -o 10001 -g 10001 "$RUN/data"
(umask 0377 && head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$RUN/root.key" && echo >>"$RUN/root.key") || true
chown 10001:10001 "$RUN/root.key"
touch "$RUN/begun"
inside() {
    images run --network host --volume "$RUN/data:/var/lib/goldaw" \
        --volume "$RUN/root.key:/run/secrets/goldaw.root-key:ro" "$container" -- /usr/bin/goldaw "$@"
}
inside migrate >/dev/null
inside user add admin --role admin >/dev/null
inside serve --listen 127.0.0.1:0 >"$RUN/said" 2>"$RUN/log" &
server=$!
for _ in $(seq 200); do
    url=$(sed -n 's/^Listening on //p' "$RUN/said")
    [ -n "$url" ] && break
    kill -0 "$server" 2>/dev/null || { tail -n 5 "$RUN/log" >&2 && exit 1; }
    sleep 0.1
done
inside health --url "$url" >/dev/null
owner=$(stat -c %u "$RUN/data/goldaw.db")
[ "$owner" = 10001 ]
# It writes into its folder and nowhere else, so the rest may be read-only. Empty files are where
# something was mounted.
elsewhere=$(find "$root" -xdev -newer "$RUN/begun" -type f -size +0 | grep -vE '^[^ ]*/(etc/(hosts|hostname|resolv\.conf)|run/\.containerenv)$' || true)
[ -z "$elsewhere" ] || { echo "written outside the data folder: $elsewhere" >&2 && exit 1; }
awk -v bytes="$bytes" -v compressed="$compressed" 'BEGIN {
    printf "image: %.1f MB, %.1f MB compressed; migrated, added a user, served and healthy as uid 10001\n", bytes / 1e6, compressed / 1e6
    exit bytes < 60e6 ? 0 : 1 }'
