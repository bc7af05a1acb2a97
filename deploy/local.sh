#!/usr/bin/env bash
# Chevron on one machine: builds what is needed, then hands over to the program `drill`.
#
#   deploy/local.sh up passive        a whole cluster until Ctrl-C (or: up active)
#   deploy/local.sh run hung          a drill of configs/drills, or a file of your own
#   deploy/local.sh run random --seed 7   faults drawn from a seed
#   deploy/local.sh help              all commands; `help up` and `help run` for their options
#
# It works from any directory. Relative files are relative to where you are.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
packages=(server lfd gfd rm client drill)
[[ $# -gt 0 ]] || set -- help
case $1 in
    help | -h | --help) packages=(drill) ;;
    run) packages+=(examples) ;;
esac

if ! command -v cargo > /dev/null; then
    echo "local.sh: cargo is missing; install Rust first: https://rustup.rs" >&2
    exit 2
fi

build=(cargo build --manifest-path "$root/Cargo.toml" --release --bins --target-dir "$target")
for package in "${packages[@]}"; do
    build+=(-p "$package")
done

# On a terminal cargo shows its own progress; elsewhere it is quiet unless something fails.
if [[ -t 2 ]]; then
    "${build[@]}" || exit 2
else
    echo "local.sh: building in release mode ..." >&2
    if ! output=$("${build[@]}" --quiet 2>&1 < /dev/null); then
        echo "$output" >&2
        exit 2
    fi
fi

exec "$target/release/drill" --root "$root" "$@"
