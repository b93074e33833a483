# For the scripts beside this file: starts `atslab serve --plugin generator`, and the real
# 9.2.9 with its generator plugin if it is there, each with one event thread, and ends
# both when the script ends. ATSLAB names a binary; without it, cargo builds one. After `start_servers FOLDER`:
#
#   arms, names, ports, pids   one entry for each server
#   root                       a folder for whatever the script writes

say() { printf '%s\n' "${0##*/}: $*" >&2; }

need() {
  local tool
  for tool; do
    if ! command -v "$tool" >/dev/null; then
      say "$tool is not installed; on Debian: apt-get install $tool"
      exit 2
    fi
  done
}

# Words in front of the servers' commands.
on_server=()

# With "yes" the port has the real server's compiled generator.so, by the same rule.
compiled=no

# More configuration of the real server: a line of its plugin.config, lines of its
# remap.config before the one for everything, and lines of its records.config.
real_plugin= real_remap= real_records=

root=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$root"
}
trap finish EXIT

# A free port.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# Waits until the server at a port answers 1 KiB as it should.
await() {
  local name=$1 port=$2 got
  for _ in $(seq 100); do
    got=$(curl -s -m 2 "http://127.0.0.1:$port/nocache/1024/x" | wc -c) || true
    [ "$got" != 1024 ] || return 0
    sleep 0.1
  done
  say "$name does not answer on port $port"
  exit 1
}

arms=() ports=() names=()
start_port() {
  local log=$root/port.log port= plugin=(--plugin generator)
  : >"$log"
  if [ "$compiled" = yes ]; then
    echo 'map / http://127.0.0.1/ @plugin=generator.so' >"$root/port.remap"
    plugin=(--remap-config "$root/port.remap" --servers "$servers")
  fi
  RUST_LOG=warn "${on_server[@]}" "$ATSLAB" serve --listen 127.0.0.1:0 --threads 1 \
    "${plugin[@]}" >"$log" 2>"$root/port.err" &
  pids+=($!)
  for _ in $(seq 100); do
    port=$(sed -n 's/^listening on http:.*:\([0-9]*\)$/\1/p' "$log")
    [ -z "$port" ] || break
    sleep 0.05
  done
  [ -n "$port" ] || { say "atslab serve does not start: $(tail -n 1 "$root/port.err")"; exit 1; }
  await "atslab serve" "$port"
  arms+=(port) ports+=("$port") names+=("the port")
}

start_real() {
  local usr=$folder/usr port lib=$folder/usr/lib
  port=$(free_port)
  mkdir "$root/etc" "$root/run" "$root/log" "$root/cache"
  cp -r "$folder/etc/trafficserver/." "$root/etc/"
  cat >"$root/runroot.yaml" <<END
prefix: $root
exec_prefix: $root
bindir: $usr/bin
sbindir: $usr/sbin
sysconfdir: $root/etc
datadir: $root/cache
includedir: $usr/include
libdir: $lib/trafficserver
libexecdir: $lib/trafficserver/modules
localstatedir: $root/run
runtimedir: $root/run
logdir: $root/log
mandir: $usr
infodir: $usr
cachedir: $root/cache
END
  cat >"$root/etc/records.config" <<END
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.http.server_ports STRING $port:ip-in=127.0.0.1
CONFIG proxy.config.http.wait_for_cache INT 0
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.crash_log_helper STRING NULL
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.body_factory.template_sets_dir STRING $root/etc/body_factory
$real_records
END
  : >"$root/etc/storage.config"
  echo "$real_plugin" >"$root/etc/plugin.config"
  printf '%s\n' "$real_remap" 'map / http://127.0.0.1/ @plugin=generator.so' \
    >"$root/etc/remap.config"
  TS_RUNROOT=$root \
    LD_LIBRARY_PATH=$lib/x86_64-linux-gnu:$folder/lib/x86_64-linux-gnu:$lib/trafficserver \
    "${on_server[@]}" "$usr/bin/traffic_server" >"$root/real.out" 2>&1 &
  pids+=($!)
  await "the real server" "$port"
  arms+=(real) ports+=("$port") names+=("real 9.2.9")
}

start_servers() {
  local servers=$1
  if [ -z "${ATSLAB-}" ]; then
    cargo build --quiet --release --package atslab
    ATSLAB=${CARGO_TARGET_DIR:-target}/release/atslab
  fi
  start_port
  if [ -e "$1/9.2.9/usr/lib/trafficserver/modules/generator.so" ]; then
    folder=$(cd "$1/9.2.9" && pwd)
    start_real
  else
    say "no server with a generator plugin in $1: see tests/live/install; the port is alone"
  fi
}
