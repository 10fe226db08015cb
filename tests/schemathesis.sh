#!/usr/bin/env bash
# Holds the API of a demo against its description, with schemathesis 4 from PATH; the demo and its data go away after.
#
#   tests/schemathesis.sh target/release/bongsu [--seed N | --max-examples N | …]
set -euo pipefail
cd "$(dirname "$0")/.."
bongsu=$1
shift
folder=$(mktemp -d)
address=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$bongsu" demo --http "$address" --data-dir "$folder/demo" >"$folder/said" 2>&1 &
demo=$!
trap 'kill "$demo" 2>/dev/null; wait "$demo" || true; rm -rf "$folder"' EXIT
token=$folder/demo/data/board-token
for ((waited = 0; waited < 60; waited++)); do
    [[ -s $token ]] && curl -sf "http://$address/healthz" >/dev/null && break
    sleep 1
done
schemathesis --config-file tests/schemathesis.toml run "http://$address/api/v1/openapi.json" \
    --header "Authorization: Bearer $(<"$token")" --exclude-path-regex events "$@"
