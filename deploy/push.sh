#!/usr/bin/env bash
# Builds the suite and copies it to the machines of an inventory, under a prefix of its own.
#
#   deploy/push.sh [--inventory FILE] [--dry-run] [--no-build] [--restart] [SSH_NAME...]
#
#   --inventory FILE  default: deploy/inventory.toml (see deploy/inventory.example.toml)
#   --dry-run         print each command instead of running it; touches no machine
#   --no-build        push what target/release holds
#   --restart         restart the units afterwards, one machine after the other (sudo = "yes" only)
#   SSH_NAME...       only these machines
#
# Nothing goes to a directory on PATH: the suite has a program called `rm`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

inventory=deploy/inventory.toml dry=no build=yes restart=no only=()

fail() { echo "push.sh: $*" >&2; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --inventory) [ $# -ge 2 ] || fail "--inventory needs a file"; inventory=$2; shift ;;
        --dry-run) dry=yes ;;
        --no-build) build=no ;;
        --restart) restart=yes ;;
        -h|--help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
        -*) fail "unknown option $1: see deploy/push.sh --help" ;;
        *) only+=("$1") ;;
    esac
    shift
done
[ -r "$inventory" ] || fail "cannot read $inventory: copy deploy/inventory.example.toml there and put your machines in"

# The inventory as lines: `set KEY VALUE`, and `machine SSH IP RUNS`.
read_inventory() {
    awk '
        function flush() { if (ssh != "" || ip != "" || runs != "") print "machine", ssh, ip, runs }
        function bad(what) { printf "%s:%d: %s\n", FILENAME, NR, what > "/dev/stderr"; failed = 1; exit 2 }
        /^[ \t]*(#|$)/ { next }
        /^\[\[machine\]\]/ { flush(); inside = 1; ssh = ip = runs = ""; next }
        /^[a-z]+ *= *"[^" ]+" *(#.*)?$/ {
            key = $1; sub(/=.*/, "", key)
            value = $0; sub(/^[^"]*"/, "", value); sub(/".*/, "", value)
            if (inside && key == "ssh") ssh = value
            else if (inside && key == "ip") ip = value
            else if (inside && key == "runs") runs = value
            else if (!inside && key ~ /^(prefix|mode|heartbeat|sudo)$/) print "set", key, value
            else bad("no such key here: " key)
            next
        }
        { bad("expected one key = \"value\", or [[machine]]") }
        END { if (!failed) flush() }
    ' "$inventory"
}

# Runs a command, or prints it.
run() {
    if [ "$dry" = yes ]; then printf '  %s\n' "$*"; else "$@"; fi
}

prefix=/opt/chevron mode=passive heartbeat=1 sudo=yes manager='' machines=()
lines=$(read_inventory) || exit 2
while read -r what first second third; do
    case $what in
        set) case $first in
            prefix) prefix=$second ;; mode) mode=$second ;;
            heartbeat) heartbeat=$second ;; sudo) sudo=$second ;;
        esac ;;
        machine)
            [ -n "$third" ] || fail "$inventory: the machine $first needs ssh, ip and runs"
            machines+=("$first $second $third")
            if [ "$third" = manager ]; then manager=$second; fi ;;
    esac
done <<<"$lines"
[ -n "$manager" ] || fail "$inventory: one machine has to say runs = \"manager\""
case $prefix in
    /bin|/sbin|/usr|/usr/bin|/usr/sbin|/usr/local|/usr/local/bin|/) fail "prefix = \"$prefix\" would shadow the system's rm: use one like /opt/chevron" ;;
    /*) ;;
    *) fail "prefix = \"$prefix\" has to be absolute" ;;
esac
case $mode in active|passive) ;; *) fail "mode = \"$mode\": it is active or passive" ;; esac
case $sudo in yes|no) ;; *) fail "sudo = \"$sudo\": it is yes or no" ;; esac
[ "$dry" = yes ] || command -v rsync >/dev/null || fail "rsync is missing here: install it"

if [ "$build" = yes ]; then run cargo build --release --locked --workspace --bins; fi
binaries=()
for name in server lfd gfd rm client; do
    binaries+=("target/release/$name")
    [ "$dry" = yes ] || [ -x "target/release/$name" ] || fail "target/release/$name is missing: run without --no-build"
done

work=$(mktemp -d)
trap 'command rm -r "$work"' EXIT
# Files only, with modes but without owners: what is pushed belongs to whoever receives it.
root='' rsync=(rsync --times --perms)
if [ "$sudo" = yes ]; then root='sudo -n ' rsync+=(--rsync-path='sudo -n rsync'); fi

# What the units of one machine read: IP, and what it runs.
machine_env() {
    local ip=$1 runs=$2
    printf 'IP=%s\nMODE=%s\nHEARTBEAT=%s\n' "$ip" "$mode" "$heartbeat"
    [ "$runs" = manager ] || {
        local number=${runs##*[!0-9]}
        printf 'SERVER=%s\nLFD=LFD%s\nGFD=%s:%s\n' "$runs" "$number" "$manager" "$((8000 + (${number:-1} - 1) % 3))"
    }
}

push() {
    local ssh=$1 ip=$2 runs=$3 units='chevron-lfd' unit
    [ "$runs" = manager ] && units='chevron-rm chevron-gfd'
    echo "$ssh ($ip): $runs"
    mkdir -p "$work/$ssh/etc" "$work/$ssh/units"
    cp configs/*.toml "$work/$ssh/etc/"
    # The clients' files name the one-machine set-up's RM: here it is the manager.
    sed -i "s/127\.0\.0\.110/$manager/g" "$work/$ssh/etc/"c[0-9]*.toml
    machine_env "$ip" "$runs" >"$work/$ssh/etc/machine.env"
    if [ "$dry" = yes ]; then sed 's/^/  machine.env: /' "$work/$ssh/etc/machine.env"; fi
    run ssh "$ssh" "${root}mkdir -p $prefix/bin $prefix/etc"
    run "${rsync[@]}" --chmod=F755 "${binaries[@]}" "$ssh:$prefix/bin/"
    run "${rsync[@]}" --chmod=F644 "$work/$ssh/etc/"* "$ssh:$prefix/etc/"
    if [ "$sudo" = yes ]; then
        for unit in $units; do
            sed "s|/opt/chevron|$prefix|g" "deploy/systemd/$unit.service" >"$work/$ssh/units/$unit.service"
        done
        run "${rsync[@]}" --chmod=F644 "$work/$ssh/units/"* "$ssh:/etc/systemd/system/"
        run ssh "$ssh" "id chevron >/dev/null 2>&1 || sudo -n useradd --system --no-create-home chevron; sudo -n systemctl daemon-reload; sudo -n systemctl enable $units"
        if [ "$restart" = yes ]; then run ssh "$ssh" "sudo -n systemctl restart $units"; fi
    fi
}

# How to start by hand what a machine runs.
by_hand() {
    local ssh=$1 ip=$2 runs=$3 number=${3##*[!0-9]}
    if [ "$runs" = manager ]; then
        printf '  %-12s %s/bin/rm %s %s\n' "$ssh" "$prefix" "$ip" "$mode"
        printf '  %-12s %s/bin/gfd %s %s\n' "$ssh" "$prefix" "$ip" "$heartbeat"
        return
    fi
    printf '  %-12s %s/bin/lfd %s LFD%s %s %s:8003 %s:%s\n' "$ssh" "$prefix" "$heartbeat" "$number" \
        "$runs" "$ip" "$manager" "$((8000 + (${number:-1} - 1) % 3))"
}

wanted() {
    [ ${#only[@]} = 0 ] && return
    local name
    for name in "${only[@]}"; do [ "$name" = "$1" ] && return; done
    return 1
}

pushed=0
for machine in "${machines[@]}"; do
    read -r ssh ip runs <<<"$machine"
    if wanted "$ssh"; then push "$ssh" "$ip" "$runs"; pushed=$((pushed + 1)); fi
done
[ "$pushed" -gt 0 ] || fail "no machine of $inventory is called ${only[*]}"

echo "By hand, in this order (the units do the same):"
for machine in "${machines[@]}"; do
    read -r ssh ip runs <<<"$machine"
    if [ "$runs" = manager ]; then by_hand "$ssh" "$ip" "$runs"; fi
done
for machine in "${machines[@]}"; do
    read -r ssh ip runs <<<"$machine"
    if [ "$runs" != manager ]; then by_hand "$ssh" "$ip" "$runs"; fi
done
printf '  %-12s %s/bin/client -c %s/etc/c1.toml\n' "anywhere" "$prefix" "$prefix"
