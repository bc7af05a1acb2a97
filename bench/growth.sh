#!/usr/bin/env bash
# What more replicas, larger states, more clients and more time cost, on this machine:
#
#   bench/growth.sh                     everything; adds its rows to bench/GROWTH.md (30 minutes)
#   bench/growth.sh --quick             a few short ones, to see that it works (3 minutes)
#   bench/growth.sh --only flat --minutes 60
#   bench/growth.sh --help
#
# Parts: replicas, states, connections, flat. What stands in the file stays.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

echo "building in release mode ..." >&2
cargo build --quiet --release --bins --manifest-path "$root/Cargo.toml" --target-dir "$target" \
    -p server -p lfd -p gfd -p rm -p client -p drill -p examples \
    || { echo "growth.sh: the build failed" >&2; exit 2; }

exec "$target/release/drill" --root "$root" growth "$@"
