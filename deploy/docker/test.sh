#!/usr/bin/env bash
# Makes the image as the Dockerfile's last stage does, of a program that is built already, and runs it as the Dockerfile says:
# by nobody in particular, on a root that nothing can be written to, with its data on a volume. Needs root, podman, crun, curl,
# iproute2; nothing is fetched, and nothing of it stays.
#
#   deploy/docker/test.sh PROGRAM
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

complain() { printf 'deploy/docker/test.sh: %s\n' "$*" >&2; }

if [[ ${1:-} != inside ]]; then
    [[ $# == 1 && -x $1 ]] || { complain "say which program: $0 PROGRAM"; exit 2; }
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    deploy/docker/root.sh "$1" "$folder/made"
    unshare --mount --net --pid --fork --mount-proc --propagation private "$0" inside "$folder"
    exit
fi

# ---- inside: mounts, network and processes of our own ----

folder=$2
ip link set lo up
# Engines know one kind of control groups or the other, and some machines have both.
umount --recursive /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup

engine() {
    podman --root "$folder/store" --runroot "$folder/run" --storage-driver vfs --runtime crun --cgroup-manager cgroupfs \
        --events-backend none --log-level fatal "$@"
}

expect() {
    local what=$1
    shift
    if ! "$@"; then
        complain "not so: $what"
        engine logs bongsu >&2 || true
        exit 1
    fi
    printf 'ok  %s\n' "$what"
}

# The shipped last stage; the stage before it, which compiles, is the folder that root.sh made.
{
    printf 'FROM scratch AS build\nCOPY . /made/\n'
    sed -n '/^FROM scratch/,$p' deploy/docker/Dockerfile
} >"$folder/Dockerfile"

configuration=$folder/configuration
mkdir -p "$configuration"
cp -r deploy/compose/bongsu.toml deploy/compose/sites "$configuration"
mkdir "$folder/secrets"
for secret in mqtt-bongsu influxdb-token; do printf secret >"$folder/secrets/$secret"; done
# What an engine raises by itself and not every machine lets it: less is always allowed.
limits=(--ulimit nofile=4096:4096 --ulimit nproc=4096:4096)

run() {
    engine run --detach --name bongsu --cgroups=disabled --network host "${limits[@]}" \
        --read-only --read-only-tmpfs=false --cap-drop ALL --security-opt no-new-privileges \
        --volume bongsu-data:/var/lib/bongsu --volume "$configuration:/etc/bongsu:ro" \
        --volume "$folder/secrets:/run/secrets:ro" "$@" bongsu >/dev/null
}

# Until it does, or for half a minute.
comes_to() {
    local tries
    for ((tries = 0; tries < 150; tries++)); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    return 1
}

builds() { engine build --quiet --format docker --tag bongsu --file "$folder/Dockerfile" "$folder/made" >/dev/null; }
is_ready() { curl -fsS http://127.0.0.1:8080/readyz | head -1 | grep -qxE 'ok|degraded'; }
is_healthy() { engine healthcheck run bongsu; }
# What the kernel says of the program.
status() { grep -P "^$1:" "/proc/$(engine inspect --format '{{.State.Pid}}' bongsu)/status" | cut -f2; }
is_of_nobody() { [[ $(status Uid) == 65532 && $(status Gid) == 65532 ]]; }
has_no_rights() { [[ $(status CapEff) =~ ^0+$ && $(status NoNewPrivs) == 1 ]]; }
keeps_its_root() { ! engine exec bongsu /usr/bin/bongsu export readings --data-dir /var/lib/bongsu --out /etc/written 2>/dev/null; }
writes_its_data() { engine exec bongsu /usr/bin/bongsu export readings --data-dir /var/lib/bongsu --out /var/lib/bongsu/written 2>/dev/null; }
stops() { engine stop --time 30 bongsu >/dev/null && [[ $(engine inspect --format '{{.State.ExitCode}}' bongsu) == 0 ]]; }
# Who stopped by itself did so upon SIGTERM: an engine that loses patience kills, which is status 137.
has_state() { test -s "$folder/store/volumes/bongsu-data/_data/ledger.sqlite"; }

expect "its last stage builds" builds
expect "it starts" run
expect "it is ready" comes_to is_ready
expect "it is found healthy by its own health check" is_healthy
expect "nobody in particular runs it" is_of_nobody
expect "it has no rights of root" has_no_rights
expect "its root cannot be written to" keeps_its_root
expect "its data can" writes_its_data
expect "it stops when it is told to" stops
expect "its state is on the volume" has_state
engine rm bongsu >/dev/null
expect "another container starts" run
expect "it is ready on that state" comes_to is_ready
expect "it stops again" stops
