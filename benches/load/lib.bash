# Shared by the scripts that measure a whole installation; sourced after tests/peers/lib.bash, never run.
#
# Everything lies below $work and is removed at the end. $databases are those to measure, $BIN is what is measured.

read -ra databases <<< "${DATABASES:-sqlite postgres}"
work=$(mkdir -p "${WORK:-.test/load}" && cd "${WORK:-.test/load}" && pwd)
server=

finish() {
  local status=$?
  trap - EXIT
  [ -z "$server" ] || { kill "$server" && wait "$server"; } 2> /dev/null || true
  [ ! -e "$work/peers" ] || tests/peers/down "$work/peers" > /dev/null
  rm -rf "$work"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# make_ready: builds the program unless BIN names one, and starts a durable PostgreSQL where it is measured
make_ready() {
  if [ -z "${BIN:-}" ]; then
    cargo build --release --locked
    BIN=$(cargo metadata --no-deps --locked --format-version 1 | json '["target_directory"]')/release/mediaport
  fi
  if [[ " ${databases[*]} " = *' postgres '* ]]; then
    PG_DURABLE=1 tests/peers/up "$work/peers" > /dev/null
  fi
}

# json EXPRESSION: reads a document from standard input and prints a part of it
json() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

# prepare DATABASE: a fresh installation with an administrator's $token, to be served at $url; sets $address on a server
prepare() {
  local data=$work/$1 port
  rm -rf "$data"
  for port in $(shuf -i 10000-32000 -n 50); do
    ss -ltnH | grep -q ":$port " || break
  done
  url=http://127.0.0.1:$port address=
  export MEDIAPORT_DATA_DIR=$data MEDIAPORT_LISTEN=127.0.0.1:$port MEDIAPORT_DATABASE_URL= MEDIAPORT_MEDIA__KEEP_FREE_PERCENT=0
  if [ "$1" = postgres ]; then
    local name=load_$RANDOM$RANDOM
    address=$(sed -n 's/^TEST_DATABASE_URL=//p' "$work/peers/peers.env")
    "$(find_psql)" -q "$address" -c "CREATE DATABASE $name"
    address=${address%/*}/$name
    MEDIAPORT_DATABASE_URL=$address
  fi
  echo 'seven herons over grey water' | "$BIN" user add admin@example.com --role admin > /dev/null
  token=$("$BIN" token add --user admin@example.com < /dev/null)
}

# serve DATABASE: serves it at $url as process $server
serve() {
  "$BIN" serve > "$work/$1.log" 2>&1 < /dev/null &
  server=$!
  until curl -fs "$url/readyz" > /dev/null; do
    kill -0 "$server" || fail "the server ended, see $(tail -n 3 "$work/$1.log")"
    sleep 0.1
  done
}

halt() {
  kill "$server"
  wait "$server"
  server=
}

find_psql() { command -v psql || ls /usr/lib/postgresql/*/bin/psql | tail -n 1; }

# add TOKEN PATH DOCUMENT: creates something and prints its id
add() {
  curl -fsS -H "Authorization: Bearer $1" -H 'Content-Type: application/json' -d "$3" "$url/api/v1/$2" | json '["id"]'
}
