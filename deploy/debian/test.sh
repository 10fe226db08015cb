#!/usr/bin/env bash
# Makes the Debian package, installs it, starts what it brings, upgrades it, removes and purges it: in a layer over this
# machine's files and in a network of its own, which are gone afterwards. Needs root, cargo-deb, curl, dpkg, ip.
#
#   deploy/debian/test.sh [PROGRAM]      # of this program, stripped; of one built for a release if none is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

complain() { printf 'deploy/debian/test.sh: %s\n' "$*" >&2; }

if [[ ${1:-} != inside ]]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    if (($#)); then
        mkdir -p "$folder/target/release"
        strip -o "$folder/target/release/bongsu" "$1"
        export CARGO_TARGET_DIR=$folder/target
    else
        cargo build --release --locked --bin bongsu
    fi
    cargo deb --no-build --locked --fast --deb-revision 1 --output "$folder/first.deb" >/dev/null
    cargo deb --no-build --locked --fast --deb-revision 2 --output "$folder/second.deb" >/dev/null
    unshare --mount --net --pid --fork --mount-proc "$0" inside "$folder"
    exit
fi

# ---- inside: nothing of this reaches the machine ----

packages=$2
ip link set lo up
root=$(mktemp -d)
mount -t tmpfs none "$root"
mkdir "$root/"{upper,work,whole}
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/whole"
mount --bind /proc "$root/whole/proc"
mount -t tmpfs none "$root/whole/run"
mkdir -p "$root/whole/run/packages"
cp "$packages"/*.deb "$root/whole/run/packages/"

in_layer() { chroot "$root/whole" "$@"; }

expect() {
    local what=$1
    shift
    if ! "$@"; then
        complain "not so: $what"
        exit 1
    fi
    printf 'ok  %s\n' "$what"
}

starts() {
    in_layer setpriv --reuid bongsu --regid bongsu --clear-groups \
        /usr/bin/bongsu run --config /etc/bongsu/bongsu.toml >"$root/log" 2>&1 &
    local daemon=$! tries said='' ended=0
    for ((tries = 0; tries < 100; tries++)); do
        said=$(curl -sS --max-time 5 http://127.0.0.1:8080/readyz 2>&1) || true
        if [[ ${said%%$'\n'*} == @(ok|degraded) ]]; then
            break
        fi
        sleep 0.2
    done
    pkill -TERM -f '/usr/bin/bongsu run' || true
    wait "$daemon" || ended=$?
    ((ended == 0 && tries < 100)) && return
    complain "after $tries looks it was: $said"
    complain "it ended with $ended, and said:"
    cat "$root/log" >&2
    return 1
}

expect "it installs" in_layer dpkg --force-depends -i /run/packages/first.deb
expect "its configuration is sound" in_layer bongsu check --config /etc/bongsu/bongsu.toml
expect "its folder is its own" test "$(in_layer stat -c %U:%a /var/lib/bongsu)" = bongsu:700
expect "it starts and stops" starts
expect "it has state" test -s "$root/whole/var/lib/bongsu/ledger.sqlite"
before=$(stat -c %i "$root/whole/var/lib/bongsu/ledger.sqlite")
printf '\n# changed by hand\n' >>"$root/whole/etc/bongsu/bongsu.toml"
expect "it upgrades" in_layer dpkg --force-depends --force-confold -i /run/packages/second.deb
expect "what was changed by hand stays" grep -q 'changed by hand' "$root/whole/etc/bongsu/bongsu.toml"
expect "its state stays" test "$(stat -c %i "$root/whole/var/lib/bongsu/ledger.sqlite")" = "$before"
expect "it starts again on that state" starts
expect "it is removed" in_layer dpkg --remove bongsu
expect "removing keeps the state" test -s "$root/whole/var/lib/bongsu/ledger.sqlite"
expect "it is purged" in_layer dpkg --purge bongsu
expect "purging leaves nothing" test ! -e "$root/whole/var/lib/bongsu" -a ! -e "$root/whole/etc/bongsu" -a ! -e "$root/whole/usr/share/doc/bongsu"
