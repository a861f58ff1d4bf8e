#!/usr/bin/env bash
# Sets everything up and shows the whole chain: ./demo.sh [--input PATH] [--frames N] [--out DIR]   (-h for more)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$root/requirements/environment.sh"
prepare_environment "$root" runtime.txt
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m densehybrid_ros.demo "$@"
