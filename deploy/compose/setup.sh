#!/usr/bin/env bash
# Makes what compose.yaml needs and nobody should write by hand: passwords, tokens, a certificate for the broker. What is
# there already stays. Needs openssl 3; with --secrets-only no docker.
#
#   ./setup.sh [--secrets-only] [--host NAME]… [--gateway NAME]…
#
#   --host      a name or address that gateways reach the broker by
#   --gateway   a gateway more: its user is gateway-NAME, its password lies in secrets/mqtt-NAME
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

folder=${BONGSU_SECRETS:-secrets}
hosts=(mosquitto localhost 127.0.0.1)
gateways=(example)
with_docker=true
while (($#)); do
    case $1 in
        --secrets-only) with_docker=false ;;
        --host) hosts+=("${2:?--host takes a name}"); shift ;;
        --gateway) gateways+=("${2:?--gateway takes a name}"); shift ;;
        *) printf 'usage: %s [--secrets-only] [--host NAME]… [--gateway NAME]…\n' "$0" >&2; exit 2 ;;
    esac
    shift
done

# The folder keeps others out; the files have to be readable for the users inside of containers.
install -d -m 0700 "$folder"
umask 022

secret() {
    [[ -s $folder/$1 ]] || openssl rand -hex 32 | tr -d '\n' >"$folder/$1"
}

certificate() {
    [[ -s $folder/mosquitto.crt ]] && return
    local names="" host
    for host in "${hosts[@]}"; do
        if [[ $host =~ ^[0-9.]+$|: ]]; then names+=",IP:$host"; else names+=",DNS:$host"; fi
    done
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 \
        -subj "/CN=bongsu field authority" -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
    chmod 600 "$folder/ca.key"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -subj "/CN=${hosts[0]}" \
        -keyout "$folder/mosquitto.key" -out "$folder/mosquitto.csr" 2>/dev/null
    openssl x509 -req -in "$folder/mosquitto.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -days 825 \
        -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "${names#,}") \
        -out "$folder/mosquitto.crt" 2>/dev/null
    chmod 644 "$folder/mosquitto.key"
    rm "$folder/mosquitto.csr"
}

# A user of the broker and a line of its password file: PBKDF2 over SHA-512 (mosquitto_passwd(1), hashes of type 7).
user() {
    local name=$1 salt hash
    secret "$2"
    touch "$folder/mosquitto.passwd"
    ! grep -q "^$name:" "$folder/mosquitto.passwd" || return 0
    salt=$(openssl rand -hex 12)
    hash=$(openssl kdf -keylen 64 -kdfopt digest:SHA512 -kdfopt "pass:$(<"$folder/$2")" -kdfopt "hexsalt:$salt" \
        -kdfopt iter:101 -binary PBKDF2 | base64 -w0)
    # shellcheck disable=SC2059 # the bytes of the salt
    printf '%s:$7$101$%s$%s\n' "$name" "$(printf "$(sed 's/../\\x&/g' <<<"$salt")" | base64 -w0)" "$hash" \
        >>"$folder/mosquitto.passwd"
}

for name in influxdb-password influxdb-token grafana-password; do secret "$name"; done
certificate
user bongsu mqtt-bongsu
user health mqtt-health
for name in "${gateways[@]}"; do user "gateway-$name" "mqtt-$name"; done
printf 'secrets are in %s; the first gateway is gateway-example, its password in mqtt-example, its authority ca.crt\n' "$folder"
$with_docker || exit 0

docker compose build bongsu
# A token that may read metrics and nothing else.
if [[ ! -s $folder/prometheus-token ]]; then
    touch "$folder/prometheus-token"
    in_bongsu() { docker compose run --rm --no-deps -T bongsu "$@"; }
    in_bongsu user add prometheus --role viewer >/dev/null
    in_bongsu user token prometheus --name prometheus --scope metrics --for 3650d |
        grep -oE '[A-Za-z0-9_-]{40,}' | tail -1 | tr -d '\n' >"$folder/prometheus-token"
fi
printf 'now: docker compose up -d\n'
