#!/usr/bin/env bash
# Chevron beside what a user would pick instead, on this machine, through loopback:
#
#   bench/compare.sh                     five rounds of everything that is installed (20 minutes)
#   bench/compare.sh --quick             one short round, to see that it works (2 minutes)
#   bench/compare.sh --rounds 7 --seconds 3 --only echo,chevron --port-base 18000
#
# A round brings up each system in turn (bare echo, Chevron passive and active, Redis asynchronous,
# Redis with WAIT 2, etcd on tmpfs, etcd on disk), loads it by the same generator (`bench load`; and
# Chevron by `client bench` too, as its users do), kills its leader with kill -9 under load, and ends
# it; then comes the next round: A B A B. What is compared is the median of the rounds, and the ratio
# to the echo of the same round. bench/RESULTS.md is written, with versions and settings.
#
# Three nodes each, 16-byte values. Redis and etcd come from Debian: redis-server redis-sentinel
# etcd-server. Nothing but the bare echo is faster than the machine allows: look at the ratios.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${CARGO_TARGET_DIR:-$root/target}/release
rounds=5 seconds=3 base=18000 only=echo,chevron,active,redis,etcd results=$root/bench/RESULTS.md
build=yes keep= shapes=(1x1 50x1 50x16 50x64)

die() { echo "compare.sh: $*" >&2; keep=yes; exit 2; }

while [[ $# -gt 0 ]]; do
    case $1 in
        --quick) rounds=1 seconds=1 results= ;;
        --rounds) rounds=$2; shift ;;
        --seconds) seconds=$2; shift ;;
        --only) only=$2; shift ;;
        --port-base) base=$2; shift ;;
        --bin) bin=$2 build=no; shift ;;
        --results) results=$2; shift ;;
        -h | --help) sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) die "unknown option $1 (see --help)" ;;
    esac
    shift
done

if [[ $build == yes ]]; then
    echo "building in release mode ..." >&2
    cargo build --quiet --release --bins --manifest-path "$root/Cargo.toml" \
        -p server -p lfd -p gfd -p rm -p client -p bench || die "the build failed"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/chevron-compare.XXXXXX")
memory=$(mktemp -d /dev/shm/chevron-compare.XXXXXX)
rows=$work/rows.jsonl
pids=()

# Every process that is started here is remembered, and ended by its number.
start() {
    local log=$1
    shift
    "$@" >> "$work/$log.log" 2>&1 < /dev/null &
    pids+=($!)
    disown
}

# A process is gone when its ports are free.
gone() { while kill -0 "$1" 2> /dev/null; do sleep 0.02; done; }

end_all() {
    local pid lock
    for pid in "${pids[@]}"; do kill -9 "$pid" 2> /dev/null || true; done
    for pid in "${pids[@]}"; do gone "$pid"; done
    # Servers outlive the LFDs that launched them; their locks say who they are.
    for lock in "$work"/state/S?.lock; do
        if [[ -s $lock ]]; then
            pid=$(< "$lock")
            [[ $(readlink "/proc/$pid/exe" 2> /dev/null) == "$(readlink -f "$bin/server")"* ]] \
                && kill -9 "$pid" 2> /dev/null && gone "$pid" || true
            rm -f "$lock"
        fi
    done
    pids=()
}
trap 'end_all; rm -rf "$memory"; [[ -n $keep ]] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# until_ok SECONDS COMMAND...: repeats it until it succeeds.
until_ok() {
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# record SYSTEM SHAPE: a JSON object from standard input becomes a row.
record() {
    local json
    json=$(tail -n 1)
    [[ $json == {*} ]] || die "no figures of $1 $2: ${json:-nothing} (logs in $work)"
    echo "{\"round\":$round,\"system\":\"$1\",\"shape\":\"$2\",${json#\{}" >> "$rows"
    printf '  %-28s %-9s %s\n' "$1" "$2" \
        "$(grep -oE '"(per_second|p50_us|gap_us)":[0-9.]+' <<< "$json" | tr -d '"' | paste -sd' ')"
}

# loads SYSTEM KIND ADDRESS
loads() {
    local shape
    for shape in "${shapes[@]}"; do
        "$bin/bench" load "$2" "$3" --clients "${shape%x*}" --pipeline "${shape#*x}" \
            --seconds "$seconds" | record "$1" "$shape"
    done
}

round_echo() {
    start echo "$bin/bench" echo "127.0.0.110:$((base + 900))"
    until_ok 5 "$bin/bench" load echo "127.0.0.110:$((base + 900))" --clients 1 --seconds 0.01
    loads "bare echo" echo "127.0.0.110:$((base + 900))"
    end_all
}

# ---- Chevron ----

chevron_up() {
    export CHEVRON_PORT_BASE=$base CHEVRON_QUIET=1 CHEVRON_STATE_DIR=$work/state
    rm -rf "$work/state"
    printf 'name = "C1"\nrm = "127.0.0.110:%s"\n' "$base" > "$work/c.toml"
    start rm "$bin/rm" 127.0.0.110 "$1"
    start gfd "$bin/gfd" 127.0.0.110 1
    local n
    for n in 1 2 3; do
        start "lfd$n" "$bin/lfd" 1 "LFD$n" "S$n" "127.0.0.10$n:$((base + 3))" \
            "127.0.0.110:$((base + n - 1))"
    done
    until_ok 20 three_members || die "Chevron does not come up (logs in $work)"
}

three_members() {
    [[ $(inspect 127.0.0.110 8006) == *S1/*S2/*S3/* || $(members) == 3 ]]
}

# The RM's view as it says it to whoever asks.
inspect() {
    exec 9<> "/dev/tcp/$1/$((base + $2 - 8000))" || return 1
    printf '<compare,inspect>' >&9
    local answer
    IFS= read -r -t 2 -d '>' answer <&9 || true
    exec 9>&-
    echo "$answer"
}

members() { inspect 127.0.0.110 8006 | tr ';' '\n' | grep -c '/'; }

# The view's primary: <NAME,CLUSTER,EPOCH,MODE,PRIMARY,MEMBERS,view>
primary() { inspect 127.0.0.110 8006 | cut -d, -f5; }

client_bench() { "$bin/client" bench -c "$work/c.toml" --progress 0 --json "$@" 2>> "$work/client.log"; }

# chevron_loads SYSTEM
chevron_loads() {
    local shape
    for shape in "${shapes[@]}"; do
        client_bench --clients "${shape%x*}" --pipeline "${shape#*x}" --seconds "$seconds" \
            | record "$1" "$shape"
    done
}

# kill_after SECONDS PID: kill -9, in the background.
kill_after() {
    (sleep "$1"; kill -9 "$2") &
    disown
}

chevron_failover() {
    local pid
    pid=$(< "$work/state/$(primary).lock")
    kill_after 1 "$pid"
    client_bench --clients 10 --pipeline 1 --seconds 3 | record "$1" failover
}

round_chevron() {
    chevron_up passive
    chevron_loads "Chevron passive"
    loads "Chevron passive, bench load" chevron "$(primary | sed 's/S/127.0.0.10/'):$base"
    chevron_failover "Chevron passive"
    end_all
}

round_active() {
    chevron_up active
    chevron_loads "Chevron active"
    chevron_failover "Chevron active"
    end_all
}

# ---- Redis: a master, two replicas, three Sentinels ----

redis() { redis-cli -h 127.0.0.10"$1" -p $((base + 100)) "${@:2}"; }

redis_up() {
    local n port=$((base + 100)) of
    for n in 1 2 3; do
        of=()
        mkdir -p "$work/redis$n"
        ((n == 1)) || of=(--replicaof 127.0.0.101 "$port")
        start "redis$n" redis-server --bind "127.0.0.10$n" --port "$port" --save "" --appendonly no \
            --dir "$work/redis$n" --repl-diskless-sync-delay 0 --protected-mode no \
            --bind-source-addr "127.0.0.10$n" \
            --replica-announce-ip "127.0.0.10$n" --repl-ping-replica-period 1 "${of[@]}"
    done
    until_ok 20 redis_replicas || die "Redis does not come up (logs in $work)"
}

# Only for the fail-over: under full load, Sentinels that are this impatient accuse the innocent.
sentinels_up() {
    local n port=$((base + 100)) sentinel=$((base + 101))
    for n in 1 2 3; do
        printf '%s\n' "port $sentinel" "bind 127.0.0.10$n" \
            "sentinel announce-ip 127.0.0.10$n" "bind-source-addr 127.0.0.10$n" "dir $work/redis$n" "protected-mode no" \
            "sentinel monitor m 127.0.0.101 $port 2" "sentinel down-after-milliseconds m 100" \
            "sentinel failover-timeout m 2000" > "$work/sentinel$n.conf"
        start "sentinel$n" redis-sentinel "$work/sentinel$n.conf"
    done
    until_ok 20 sentinels || die "the Sentinels do not come up (logs in $work)"
}

redis_replicas() { [[ $(redis 1 info replication) == *connected_slaves:2* && $(redis 1 wait 2 1000) == 2 ]]; }
sentinels() {
    [[ $(redis-cli -h 127.0.0.101 -p $((base + 101)) info sentinel) == *slaves=2,sentinels=3* ]]
}

round_redis() {
    redis_up
    local address=127.0.0.101:$((base + 100))
    loads "Redis, asynchronous" redis "$address"
    loads "Redis, WAIT 2" redis-wait "$address"
    sentinels_up
    kill_after 1 "${pids[0]}"
    "$bin/bench" probe redis "127.0.0.101:${address#*:}" "127.0.0.102:${address#*:}" \
        "127.0.0.103:${address#*:}" --seconds 8 | record "Redis, asynchronous" failover
    end_all
}

# ---- etcd: three nodes, tuned to heartbeats of 10 ms and elections after 100 ms ----

# etcd_round SYSTEM DIRECTORY
etcd_round() {
    local n peers clients=() client=$((base + 200)) peer=$((base + 201))
    peers=$(for n in 1 2 3; do echo "n$n=http://127.0.0.10$n:$peer"; done | paste -sd,)
    for n in 1 2 3; do
        clients+=("127.0.0.10$n:$client")
        start "etcd$n" etcd --name "n$n" --data-dir "$2/n$n" --initial-cluster "$peers" \
            --listen-peer-urls "http://127.0.0.10$n:$peer" --heartbeat-interval 10 \
            --initial-advertise-peer-urls "http://127.0.0.10$n:$peer" --election-timeout 100 \
            --listen-client-urls "http://127.0.0.10$n:$client" --logger zap --log-level error \
            --advertise-client-urls "http://127.0.0.10$n:$client"
    done
    until_ok 20 "$bin/bench" load etcd "${clients[0]}" --clients 1 --seconds 0.01 \
        || die "etcd does not come up (logs in $work)"
    local leader
    leader=$(etcd_leader) || die "etcd has no leader (logs in $work)"
    loads "$1" etcd "${clients[leader]}"
    # It may have changed under load.
    leader=$(etcd_leader) || die "etcd has no leader (logs in $work)"
    kill_after 1 "${pids[leader]}"
    "$bin/bench" probe etcd "${clients[leader]}" "${clients[@]}" --seconds 6 | record "$1" failover
    end_all
    rm -rf "$2"/n?
}

# The place of the leader: whose metrics say so.
etcd_leader() {
    local n metrics
    for n in 1 2 3; do
        metrics=$(curl -s "http://127.0.0.10$n:$((base + 200))/metrics")
        if [[ $metrics == *$'\netcd_server_is_leader 1\n'* ]]; then
            echo $((n - 1))
            return
        fi
    done
    return 1
}

round_etcd() {
    etcd_round "etcd, tmpfs" "$memory"
    etcd_round "etcd, disk" "$work"
}

# ---- the rounds ----

wants() { [[ ,$only, == *,$1,* ]]; }

systems=()
for system in echo chevron active redis etcd; do wants "$system" && systems+=("$system"); done
missing=
if wants redis && ! { command -v redis-server && command -v redis-sentinel; } > /dev/null; then
    missing+=" redis-server redis-sentinel" systems=("${systems[@]/redis/}")
fi
if wants etcd && ! { command -v etcd && command -v curl; } > /dev/null; then
    missing+=" etcd-server curl" systems=("${systems[@]/etcd/}")
fi
[[ -z $missing ]] || echo "left out, since not installed: apt-get install$missing" >&2

for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds"
    for system in "${systems[@]}"; do [[ -z $system ]] || "round_$system"; done
done

table=$("$bin/bench" table "$rows")
report() {
    echo "# Chevron beside Redis and etcd"
    echo
    echo "Written by \`bench/compare.sh\`: $rounds rounds of $seconds s per figure, A B A B; medians, and"
    echo "ratios to the bare echo of the same round. All on one machine, so the load generator takes"
    echo "its share of the cores too. Values of 16 bytes, three nodes each."
    echo
    echo "$table"
    echo
    echo "* **Chevron**: every request is on all three replicas before it is answered. \`client bench\`"
    echo "  except where \`bench load\` is named, which is the generator of all other rows. Heartbeats of"
    echo "  1 s, time-out 1 s; a killed process is noticed by its exit, not by these."
    echo "* **Redis, asynchronous** loses acknowledged writes at a fail-over. **WAIT 2** waits for both"
    echo "  replicas, once per pipeline. Nothing is saved. Sentinels with \`down-after\` of 100 ms."
    echo "* **etcd**: heartbeats of 10 ms, elections after 100 ms (defaults: 100 ms, 1 s). Put by gRPC,"
    echo "  every request a stream of its own."
    echo "* **Fail-over**: the longest time between two answers around \`kill -9\` of the leader under load;"
    echo "  a client that looks for the next server without any pause."
    echo
    echo "| | |"
    echo "|---|---|"
    echo "| date | $(date -u +%F) |"
    echo "| machine | $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2- | xargs)," \
        "$(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo) |"
    echo "| kernel | $(uname -s) $(uname -r | cut -d- -f1) |"
    echo "| Chevron | $("$bin/client" --version), $(git -C "$root" rev-parse --short HEAD 2> /dev/null || echo no revision) |"
    echo "| Redis | $(redis-server --version 2> /dev/null | grep -oE 'v=[^ ]+' || echo not installed) |"
    echo "| etcd | $(etcd --version 2> /dev/null | head -n 1 || echo not installed) |"
    echo "| load average at the end | $(cut -d' ' -f1-3 /proc/loadavg) |"
}

echo
echo "$table"
if [[ -n $results ]]; then
    report > "$results"
    cp "$rows" "${results%.md}.jsonl"
    echo "written: $results"
fi
