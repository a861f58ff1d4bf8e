# Sourced by demo.sh and test.sh: a Python environment with what they need. A second start only compares a hash.
#   prepare_environment runtime.txt [dev.txt]     sets $python, or ends with one line that says what to install
# Without an active virtual environment it is .venv in the repository. A sourced ROS 2 is used where there is one;
# otherwise its wheels are installed: Kilted, or what DENSEHYBRID_ROS names (kilted, jazzy).

fail() {
  echo "$(basename "$0"): $1" >&2
  exit 2
}

prepare_environment() {
  local root=$1 flags=() files=() stamp wanted
  shift
  if [ -n "${VIRTUAL_ENV:-}" ]; then
    python="$VIRTUAL_ENV/bin/python"
    [ -x "$python" ] || fail "the active virtual environment $VIRTUAL_ENV has no Python; deactivate it"
  else
    python="$root/.venv/bin/python"
  fi
  if ! [ -x "$python" ] || ! "$python" -c 'import sys' 2>/dev/null; then
    command -v python3 >/dev/null || fail "Python is missing; install it, on Debian or Ubuntu: sudo apt install python3 python3-venv"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
      fail "Python 3.10 or newer is needed, python3 is $(python3 --version 2>&1); install a newer one"
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
      fail "Python's venv is missing; install it, on Debian or Ubuntu: sudo apt install python3-venv"
    sourced_ros python3 && flags=(--system-site-packages)
    python3 -m venv "${flags[@]}" "$root/.venv" || fail "the virtual environment $root/.venv could not be made"
  fi
  for file in "$@"; do files+=("$root/requirements/$file"); done
  sourced_ros "$python" || files+=("$root/requirements/ros-${DENSEHYBRID_ROS:-kilted}.txt")
  for file in "${files[@]}"; do [ -f "$file" ] || fail "$file does not exist; DENSEHYBRID_ROS may be kilted or jazzy"; done
  wanted=$("$python" --version; cat "${files[@]}" | cksum)
  stamp=$(dirname "$(dirname "$python")")/.densehybrid-$(printf '%s' "$*" | tr -c 'a-z\n' '-')
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  echo "setting up $(dirname "$(dirname "$python")"): some minutes the first time"
  install_requirements "${files[@]}"
  echo "$wanted" >"$stamp"
}

sourced_ros() {
  [ -n "${ROS_DISTRO:-}" ] && "$1" -c 'import rclpy' 2>/dev/null
}

install_requirements() {
  local arguments=() file keep='^$' log
  # a torch that is there already (a CUDA build, say) stays; so do the sourced ROS's own NumPy and OpenCV, with which
  # its message packages were built
  "$python" -c 'import sys, torch; v = torch.__version__.split("."); sys.exit((int(v[0]), int(v[1])) < (2, 4))' 2>/dev/null &&
    keep="$keep|^torch=="
  sourced_ros "$python" && "$python" -c 'import cv2, numpy' 2>/dev/null && keep="$keep|^numpy|^opencv"
  log=$(mktemp)
  for file in "$@"; do
    grep -Ev "$keep" "$file" >"$log.$(basename "$file")"
    arguments+=(-r "$log.$(basename "$file")")
  done
  if ! "$python" -m pip install --quiet --disable-pip-version-check "${arguments[@]}" >"$log" 2>&1; then
    grep -v '^WARNING: ' "$log" >&2
    rm -f "$log" "$log".*
    fail "installing the requirements failed; pip's message stands above"
  fi
  rm -f "$log" "$log".*
  # the command `densehybrid`, from these very files
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e "$root" >/dev/null ||
    fail "installing the package itself failed; pip's message stands above"
}
