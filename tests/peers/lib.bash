# Shared by the peer scripts; sourced, never run.
#
# A peer is one script in servers/, called as `servers/NAME DIR PORT [UPSTREAM_PORT]`. It starts its
# servers with `launch`, waits until they answer, and prints the KEY=value lines that tests read.
# DIR is the peer's own folder (DIR/.. holds the test CA). Everything it listens on is 127.0.0.1.

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# When a process started, in clock ticks since boot: with the pid it names one process for good,
# so that a pid the system has since given to somebody else is never signalled.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) } # the name may hold spaces and brackets
  set -- $stat
  [ "$1" != Z ] && echo "${20}"
}

# launch NAME SIGNAL COMMAND...: runs COMMAND in the background, output to DIR/NAME.log, and notes
# its pid and the signal that ends it in DIR/pids. Sets $launched to the pid.
launch() {
  local name=$1 signal=$2
  shift 2
  setsid "$@" > "$dir/$name.log" 2>&1 < /dev/null 9>&- &
  launched=$!
  note "$launched" "$signal" "$name"
}

# note PID SIGNAL NAME: remembers a process that `down` is to end with SIGNAL.
note() { echo "$1 $(started_at "$1") $2 $3" >> "$dir/pids"; }

# answers NAME SECONDS COMMAND...: waits until COMMAND succeeds; gives up when the process launched
# last has died.
answers() {
  local name=$1 until=$((SECONDS + $2))
  shift 2
  until "$@" > /dev/null 2>&1; do
    if ! kill -0 "$launched" 2> /dev/null; then
      tail -n 5 "$dir/$name.log" >&2
      fail "$name ended while starting, see $dir/$name.log"
    fi
    [ $SECONDS -lt "$until" ] || fail "$name does not answer, see $dir/$name.log"
    sleep 0.1
  done
}

# All "PID STARTED SIGNAL NAME" lines of the peers in a work folder, and those still running.
noted_processes() { cat "$1"/*/pids 2> /dev/null || true; }
running_processes() {
  local pid started signal name
  noted_processes "$1" | while read -r pid started signal name; do
    [ "$(started_at "$pid")" != "$started" ] || echo "$pid $started $signal $name"
  done
}

# peers_running DIR: true when `up DIR` finished and every process it started is still there.
peers_running() {
  [ -e "$1/peers.env" ] && [ "$(noted_processes "$1")" = "$(running_processes "$1")" ]
}
