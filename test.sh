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
exec "$python" -m pytest "$@"
