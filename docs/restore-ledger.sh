#!/bin/sh
# Makes a ledger's data folder from an RDB copy. Usage: restore-ledger.sh COPY FOLDER
#
# A server with `appendonly yes` does not read an RDB copy: it starts empty. So a server is started without it, reads
# the copy, is told to keep an append-only file, and ends when that file is complete. Nobody can reach it meanwhile.
# The copy inside the folder is removed again, because nothing would ever delete the rows in it.
#
# FOLDER must hold no ledger. SERVER and CLI name the programs, if they are not redis-server or valkey-server and
# redis-cli or valkey-cli on the PATH. Use a server that is as new as the one that made the copy, or newer.
set -eu
unset REDISCLI_AUTH VALKEYCLI_AUTH # the server below has no password

say() { echo "restore-ledger: $*" >&2; }
found() { command -v "$1" || command -v "$2" || { say "there is no $1 here"; exit 2; }; }

[ $# -eq 2 ] || { say "usage: restore-ledger.sh COPY FOLDER"; exit 2; }
copy=$1 folder=$2
server=${SERVER:-$(found redis-server valkey-server)}
cli=${CLI:-$(found redis-cli valkey-cli)}
[ -r "$copy" ] || { say "cannot read $copy"; exit 2; }
mkdir -p "$folder"
for file in "$folder"/appendonly* "$folder/dump.rdb"; do
  [ ! -e "$file" ] || { say "there is a ledger in $folder; move $file away"; exit 2; }
done

place=$(mktemp -d)
ask() { "$cli" -s "$place/socket" "$@" 2>&1; }
state() { ask info persistence | tr -d '\r' | grep "^$1:" | cut -d : -f 2; }

umask 077
cp "$copy" "$folder/dump.rdb"
"$server" --dir "$folder" --port 0 --unixsocket "$place/socket" --unixsocketperm 700 --save "" \
  --appendonly no --appendfsync always --maxmemory-policy noeviction --daemonize no >"$place/log" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$place" "$folder/dump.rdb"' EXIT

until [ "$(ask ping)" = PONG ]; do
  kill -0 "$pid" 2>/dev/null || { say "the server does not read $copy:"; tail -n 5 "$place/log" >&2; exit 1; }
  sleep 0.1
done
# Numbers that were given out after the copy was made are in tokens, and in the memory of processes: not given again.
for name in ids partner_ids catalogue; do
  if [ "$(ask exists "sp:{control}:$name")" = 1 ]; then ask incrby "sp:{control}:$name" 1000 >/dev/null; fi
done
[ "$(ask config set appendonly yes)" = OK ] || { say "the server keeps no append-only file"; exit 1; }
until [ "$(state aof_rewrite_in_progress)$(state aof_rewrite_scheduled)" = 00 ]; do sleep 0.1; done
[ "$(state aof_last_bgrewrite_status)" = ok ] || { say "the append-only file was not written"; exit 1; }
keys=$(ask dbsize)
ask shutdown >/dev/null || true
wait "$pid" || { say "the server did not end in order"; exit 1; }
say "$folder holds $keys keys"
