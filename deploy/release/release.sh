#!/usr/bin/env bash
# Makes a release from a clean checkout: the program, the Debian package, the image, the bills of materials of program and
# image, the licences of third parties, checksums. The same sources give the same bytes: docs/release.md.
#
#   deploy/release/release.sh VERSION [--untested] [--twice]
#
#   --untested   leaves ./test.sh out
#   --twice      builds again elsewhere and compares
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

complain() { printf 'release.sh: %s\n' "$*" >&2; exit 1; }

version=${1:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || complain "usage: $0 VERSION [--untested] [--twice]"
shift
tested=true twice=false
for word in "$@"; do
    case $word in
        --untested) tested=false ;;
        --twice) twice=true ;;
        *) complain "unknown: $word" ;;
    esac
done

# ---- what is released is what is committed, and says so ----

[[ -z $(git status --porcelain) ]] || complain "there are changes that are not committed"
found=$(cargo metadata --locked --no-deps --format-version 1 |
    python3 -c 'import json,sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"]=="bongsu"))')
[[ $found == "$version" ]] || complain "Cargo.toml says $found: change [workspace.package] version, cargo check, commit"
grep -qE "^## $version( |$)" CHANGELOG.md || complain "CHANGELOG.md has no section $version"
if $tested; then ./test.sh --all; fi

# ---- the same bytes wherever it is built ----

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
build() {
    local target=$1
    CARGO_TARGET_DIR=$target CARGO_INCREMENTAL=0 \
        RUSTFLAGS="--remap-path-prefix=$PWD=/source --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$target=/target" \
        CFLAGS="-ffile-prefix-map=$PWD=/source -ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
        cargo build --release --locked --features opentelemetry,parquet --bin bongsu
}

out=target/release-$version
rm -rf "$out"
mkdir -p "$out"
build "$PWD/target"
install -m 755 target/release/bongsu "$out/bongsu-$version-x86_64-linux"
if $twice; then
    again=$(mktemp -d)
    trap 'rm -rf "$again"' EXIT
    build "$again"
    cmp target/release/bongsu "$again/release/bongsu" || complain "two builds of the same sources differ"
    printf 'two builds are the same\n'
fi

# The image holds the very program that is released: what the Dockerfile's first stage would make is made here.
made=target/image-$version
rm -rf "$made"
deploy/docker/root.sh "$out/bongsu-$version-x86_64-linux" "$made/made"
cp "$made/made/image/usr/share/doc/bongsu/image.cdx.json" "$out/bongsu-$version-image.cdx.json"
if docker info >/dev/null 2>&1; then
    docker buildx build --build-context "build=$made" --file deploy/docker/Dockerfile --tag "bongsu:$version" \
        --output "type=docker,dest=$out/bongsu-$version-image.tar" .
else
    printf 'no image, only its bill: no container engine answers\n' >&2
fi

deploy/release/bill.py sbom "$out/bongsu-$version.cdx.json"
deploy/release/bill.py third-party "$out/THIRD-PARTY.md"
if cargo deb --version >/dev/null 2>&1; then
    cargo deb --no-build --locked --output "$out/" >/dev/null
else
    printf 'no Debian package: cargo install --locked cargo-deb\n' >&2
fi
(cd "$out" && sha256sum -- * >SHA256SUMS)
printf '%s is ready; then: git tag -s v%s -m v%s, and sign SHA256SUMS\n' "$out" "$version" "$version"
