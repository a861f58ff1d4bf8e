#!/usr/bin/env bash
# Sets everything up and runs the tests: ./test.sh [--setup-only] [PYTEST ARGS]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$root/requirements/environment.sh"
prepare_environment "$root" runtime.txt training.txt dev.txt
[ "${1:-}" = --setup-only ] && exit 0
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
# colcon and the packaging tests find their tools beside the interpreter
export PATH="$(dirname "$python"):$PATH"
cd "$root"
# a process for each core, each with torch on one: torch's own threads would wait for each other
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec "$python" -m pytest -n auto --maxprocesses 4 --dist loadfile --timeout 1200 "$@"
