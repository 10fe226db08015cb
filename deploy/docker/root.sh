#!/usr/bin/env bash
# Puts together what the image holds, and nothing else: the program, the libraries it loads, the authorities it trusts, a user.
# They are those of the Debian that the program was built on; whose each file is stands in the image's bill of materials.
#
#   deploy/docker/root.sh PROGRAM FOLDER      # FOLDER/image is the root, FOLDER/data the directory of the data
set -euo pipefail

[[ $# == 2 && -x $1 ]] || { printf 'usage: %s PROGRAM FOLDER\n' "$0" >&2; exit 2; }
program=$1 image=$2/image
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ ! -e $image ]] || { printf '%s: %s is there already\n' "$0" "$image" >&2; exit 1; }

install -d "$image"/usr/{bin,share/doc/bongsu} "$image/etc" "$image/var/lib/dpkg/status.d"
install -d -m 0700 "$2/data"
install -m 755 "$program" "$image/usr/bin/bongsu"
install -m 644 "$tree/LICENSE" "$image/usr/share/doc/bongsu/LICENSE"

# Where each library is looked for, and the loader itself.
mapfile -t files < <(ldd "$program" | grep -oE '/[^ ]+' | sort -u)
cp --dereference --parents "${files[@]}" /etc/os-release "$image"
# Debian's alone, whomever else this machine trusts.
install -d "$image/etc/ssl/certs"
cat /usr/share/ca-certificates/mozilla/*.crt >"$image/etc/ssl/certs/ca-certificates.crt"
printf 'nonroot:x:65532:65532:nonroot:/var/lib/bongsu:/sbin/nologin\n' >"$image/etc/passwd"
printf 'nonroot:x:65532:\n' >"$image/etc/group"
printf 'hosts: files dns\n' >"$image/etc/nsswitch.conf"

# Whoever scans an image looks for packages here, and for their licences there.
"$tree/deploy/release/bill.py" packages "$image" | while read -r package; do
    dpkg-query --status "$package" >"$image/var/lib/dpkg/status.d/${package%%:*}"
    install -D -m 644 "/usr/share/doc/${package%%:*}/copyright" "$image/usr/share/doc/${package%%:*}/copyright"
done
"$tree/deploy/release/bill.py" image "$image" "$image/usr/share/doc/bongsu/image.cdx.json"
