#!/usr/bin/env bash
# A Debian that has never seen this project follows README.md: the commands are read from it, so it
# cannot say what does not work. What `sudo` stands before is done as root, all else as a user
# without rights. The only things given are Rust, mounted read-only, and the C tools that README.md
# asks for. Called by prove.sh; as root.
#   WHOLE=yes  also the test script, which takes an hour
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/tools.sh
. scripts/prove/base.sh
need_rust
command -v debootstrap >/dev/null || install_packages debootstrap >&2

RUN=$(mktemp -d "${TMPDIR:-/var/tmp}/goldaw-fresh.XXXXXX")
FRESH=$RUN/debian
mounted=()
jobs_of_it=
end() {
    [ -z "$jobs_of_it" ] || kill -- "-$(pgrep -P "$jobs_of_it")" 2>/dev/null || true
    for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount -l "${mounted[i]}" || true; done
    # Never through a mount that would not go.
    findmnt -rno TARGET | grep -q "^$FRESH/" || rm -rf "$RUN"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

rust_here
new_debian "$FRESH" build-essential,ca-certificates,curl,git,perl,sudo
mount_here() {
    mkdir -p "$FRESH$2"
    mount "${@:3}" "$1" "$FRESH$2"
    mounted+=("$FRESH$2")
}
mount_here proc /proc -t proc
mount_here /dev /dev --bind
mount_here "$SYSROOT" /opt/rust --bind
mount -o remount,bind,ro "$FRESH/opt/rust"
chroot "$FRESH" useradd --create-home --shell /bin/bash somebody
echo 'somebody ALL=(ALL) NOPASSWD: ALL' >"$FRESH/etc/sudoers.d/somebody"
# What was committed, as a clone would have it; and the crates it names, so as not to ask for them again.
git archive --prefix=goldaw/ HEAD | tar -x -C "$FRESH/home/somebody"
mkdir -p "$FRESH/home/somebody/.cargo"
cp -a "$REGISTRY/registry" "$FRESH/home/somebody/.cargo/"
chroot "$FRESH" chown -R somebody: /home/somebody

as_somebody() {
    setsid chroot "$FRESH" setpriv --reuid somebody --regid somebody --init-groups --reset-env \
        env PATH=/home/somebody/.cargo/bin:/opt/rust/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/home/somebody \
        bash -c "cd ~/goldaw && $1"
}
# The shell commands under a heading, without what they are explained with.
commands() {
    python3 - "$1" <<'PYTHON'
import re, sys
section = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(sys.argv[1]), open("README.md").read(), re.M | re.S)
for block in re.findall(r"^```sh\n(.*?)^```", section.group(1), re.M | re.S):
    print(re.sub(r"\s+#.*", "", block).strip())
PYTHON
}
# Starts what keeps running, waits until it is ready, and stops it.
until_ready() {
    local said=$RUN/said
    as_somebody "$1" >"$said" 2>&1 &
    jobs_of_it=$!
    until url=$(grep -oE 'https?://127\.0\.0\.1:[0-9]+' "$said" | head -n 1) && [ -n "$url" ] &&
        chroot "$FRESH" curl -sf -o /dev/null "$url/health/ready"; do
        kill -0 "$jobs_of_it" 2>/dev/null || { tail -n 20 "$said" >&2 && exit 1; }
        sleep 1
    done
    # The shell in the background waits for what leads a group of its own.
    kill -TERM -- "-$(pgrep -P "$jobs_of_it")"
    wait "$jobs_of_it" || true
    jobs_of_it=
}

count=0 setting=
while IFS= read -r line; do
    echo "== $line"
    case $line in
    *scripts/test.sh*) [ -n "${WHOLE-}" ] || continue && as_somebody "$line" | tail -n 1 ;;
    export\ *) setting="$setting$line; " ;;
    *' demo'* | *'goldaw serve'*) until_ready "$setting$line" ;;
    *) as_somebody "$setting$line" </dev/null >"$RUN/said" 2>&1 || { tail -n 20 "$RUN/said" >&2 && exit 1; } ;;
    esac
    count=$((count + 1))
done < <(commands "Two commands" && commands "For real")
echo "fresh: $count commands of README.md work on $(. "$FRESH/etc/os-release" && echo "$PRETTY_NAME") with Rust and C tools"
