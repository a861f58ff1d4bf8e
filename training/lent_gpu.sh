#!/usr/bin/env bash
# Trains the default weights, checks and times on a GPU machine that is lent for minutes, takes few MiB with each call, ends
# each command early, and has torch but neither ROS nor a network. What is begun goes on with the next call.
#
#   here:   training/lent_gpu.sh pack DATA PARTS       data sets into files of at most PART_MIB (default 36) each
#   there:  training/lent_gpu.sh take PART...          keeps parts in WORK, one call after the other
#           training/lent_gpu.sh train SECONDS OUT     unpacks, trains closed-set and open-set, writes the weights to OUT
#           training/lent_gpu.sh check SECONDS OUT     the tests that need CUDA, and the timings
#
# WORK (default: densehybrid below the folder of temporary files) must outlive a call. CLOSED_STEPS and OPEN_STEPS set how
# long is trained: after 200 steps log.jsonl tells the seconds that one takes.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${WORK:-${TMPDIR:-/tmp}/densehybrid}
python=${PYTHON:-python3}
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
sets=(cityscapes camvid negatives negatives_objects smiyc)

fail() {
  echo "lent_gpu.sh: $1" >&2
  exit 2
}

densehybrid() { "$python" -m densehybrid_ros.cli "$@"; }

pack() {
  local data=$1 parts=$2 scripts
  mkdir -p "$parts"
  for name in "${sets[@]}"; do [ -d "$data/$name" ] || fail "$data/$name is missing"; done
  scripts=$(cd "$data" && ls unpack_*.py 2>/dev/null || true)
  # shellcheck disable=SC2086
  tar -C "$data" -chf - "${sets[@]}" $scripts | split -b "${PART_MIB:-36}M" -d - "$parts/data."
  ls "$parts"/data.* | wc -l >"$parts/count"
  echo "$(cat "$parts/count") parts in $parts; take $parts/count along with the first"
}

take() {
  mkdir -p "$work/parts"
  cp "$@" "$work/parts/"
  ls "$work/parts"
}

unpacked() {
  [ -f "$work/data/complete" ] && return
  local count
  count=$(cat "$work/parts/count" 2>/dev/null) || fail "no parts in $work/parts; take them first"
  [ "$(ls "$work"/parts/data.* | wc -l)" = "$count" ] || fail "$work/parts holds not all of $count parts"
  mkdir -p "$work/data"
  cat "$work"/parts/data.* | tar -C "$work/data" -xf -
  if [ -f "$work/data/unpack_cityscapes.py" ]; then
    mv "$work/data/cityscapes" "$work/data/cityscapes_packed"
    mkdir "$work/data/source"
    mv "$work/data/cityscapes_packed" "$work/data/source/cityscapes"
    mv "$work/data/unpack_cityscapes.py" "$work/data/source/"
    "$python" "$work/data/source/unpack_cityscapes.py" "$work/data/cityscapes" --jpeg
  fi
  densehybrid render-roadworld "$work/data/roadworld" --train "${ROADWORLD_FRAMES:-300}" --val 40
  touch "$work/data/complete"
}

stage() { # name, recipe, steps, start, deadline
  local left=$(($5 - $(date +%s)))
  [ -f "$work/runs/$1/done" ] && return
  [ "$left" -gt 20 ] || return 1
  timeout -s INT "$left" "$python" -m densehybrid_ros.cli train "$root/training/recipes/$2.yaml" --data "$work/data" \
    --start "$4" --out "$work/runs/$1" --steps "$3" --workers "${WORKERS:-14}" --cache "$work/cache" || return 1
  touch "$work/runs/$1/done"
}

train() {
  local deadline=$(($(date +%s) + $1 - 30)) out=$2
  mkdir -p "$out" "$work/runs"
  unpacked
  if stage closed lent_gpu_closed "${CLOSED_STEPS:-6000}" \
    "$root/training/stages/ladder_lite0_roads_closed.safetensors" "$deadline"; then
    stage open lent_gpu_open "${OPEN_STEPS:-2500}" "$work/runs/closed/weights.safetensors" "$deadline" || true
  fi
  for name in closed open; do
    [ -f "$work/runs/$name/weights.safetensors" ] && cp "$work/runs/$name/weights.safetensors" "$out/$name.safetensors"
    [ -f "$work/runs/$name/log.jsonl" ] && cp "$work/runs/$name/log.jsonl" "$out/$name.jsonl"
  done
  ls -l "$out"
}

check() {
  local deadline=$(($(date +%s) + $1 - 10)) out=$2
  mkdir -p "$out"
  for set in smiyc-obstacle smiyc-anomaly; do
    [ -f "$work/runs/open/done" ] && densehybrid evaluate "$set" --root "$work/data/smiyc" \
      --weights "$work/runs/open/weights.safetensors" --json "$out/$set.json"
  done
  cd "$root"
  timeout -s INT $((deadline - $(date +%s))) "$python" -m pytest -q -rs -k "cuda or gpu or triton or tensorrt" test/core test/engines test/training \
    2>&1 | tee "$out/cuda_tests.txt" || true
  timeout -s INT 60 "$python" benchmarks/postprocessing.py --device cuda 2>&1 | tee "$out/postprocessing.txt" || true
  timeout -s INT 90 "$python" benchmarks/network.py bundled ldn121 --device cuda 2>&1 | tee "$out/network.txt" || true
  [ "$(date +%s)" -lt "$deadline" ] && timeout -s INT $((deadline - $(date +%s))) "$python" -m densehybrid_ros.cli bench \
    --json "$out/bench.json" 2>&1 | tee "$out/bench.txt"
}

case "${1:-}" in
  pack) [ $# = 3 ] || fail "pack DATA PARTS" && pack "$2" "$3" ;;
  take) [ $# -ge 2 ] || fail "take PART..." && shift && take "$@" ;;
  train) [ $# = 3 ] || fail "train SECONDS OUT" && train "$2" "$3" ;;
  check) [ $# = 3 ] || fail "check SECONDS OUT" && check "$2" "$3" ;;
  *) fail "give pack, take, train or check; what each does stands at the top of this script" ;;
esac
