# The stages that .ci/run and scripts/nightly are made of.  Sourced by both, from the project's folder.

failed=()
stage_logs=$(mktemp -d)
trap 'rm -rf "$stage_logs"' EXIT
# stage NAME COMMAND...: goes on after a failure, which is told at the end.
stage() {
  local name=$1 began=$SECONDS
  shift
  echo "=== $name (at $SECONDS s)"
  # In a process of its own, as behind any pipe; `pipefail` is set by who sources this.
  "$@" 2>&1 | tee "$stage_logs/$name" || failed+=("$name")
  echo "--- $name took $((SECONDS - began)) s"
}

# At the end, where people look first, and where a long log that was cut still is whole.
report_stages() {
  local name
  if ((${#failed[@]} > 0)); then
    for name in "${failed[@]}"; do
      echo "=== the end of $name, which failed"
      tail -n 60 "$stage_logs/$name"
    done
    echo "$1: failed: ${failed[*]} (after $SECONDS s)"
    exit 1
  fi
  echo "$1: all stages passed (after $SECONDS s)"
}

# sanitized PRESET LABELS: the suites of these labels under a sanitizer, which makes everything slower.
sanitized() {
  cmake --preset "$1" >/dev/null && cmake --build --preset "$1" -j2 &&
    WAYBILL_TEST_SLOWNESS=4 ctest --preset "$1" -j2 -L "$2"
}

build_release() {
  cmake --preset release -DWAYBILL_TESTS=OFF >/dev/null && cmake --build --preset release -j2 --target waybill &&
    python3 tests/lint/check_hardening.py build/release/waybill --fortified
}

# As on a machine that has never built it; six minutes on two cores are asked for.
build_release_anew() {
  local began=$SECONDS
  rm -rf build/release
  CCACHE_DISABLE=1 build_release && echo "from clean to waybill without ccache: $((SECONDS - began)) s"
}

# fuzz_for SECONDS: each target so long, two at a time.
fuzz_for() {
  cmake --preset fuzz >/dev/null && cmake --build --preset fuzz -j2 --target fuzzers || return 1
  local targets=() target name broken=0
  mapfile -t targets < <(find build/fuzz -type f -name '*_fuzz' -perm -u+x | sort)
  ((${#targets[@]} > 0)) || return 1
  rm -rf build/fuzz/work
  printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P 2 bash -c 'fuzz_one "$@"' fuzz "$1" || broken=1
  for target in build/fuzz/work/*-*; do  # the input itself: a clone of CI's is gone with its folder
    [[ -f $target ]] && echo "$target, in base64: $(base64 -w 0 "$target" | head -c 20000)"
  done
  for target in "${targets[@]}"; do
    name=$(basename "$target" _fuzz)
    grep -h number_of_executed_units "build/fuzz/work/$name.log" | sed "s/^/$name: /"
    [[ -f build/fuzz/work/$name.failed ]] && { broken=1; tail -n 60 "build/fuzz/work/$name.log"; }
  done
  return "$broken"
}

fuzz_one() {
  local name
  name=$(basename "$2" _fuzz)
  mkdir -p "build/fuzz/work/$name"
  "$2" -max_total_time="$1" -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/work/$name-" "build/fuzz/work/$name" "tests/fuzz/corpus/$name" \
    >"build/fuzz/work/$name.log" 2>&1 || touch "build/fuzz/work/$name.failed"
}
export -f fuzz_one

check_format() {
  git ls-files -z 'src/*.cpp' 'src/*.hpp' 'include/*.hpp' 'tests/*.cpp' 'tests/*.hpp' 'bench/*.cpp' |
    xargs -0 clang-format-19 --dry-run -Werror
}

# tidy FILE...: by the flags of the debug build.
tidy() {
  (($# > 0)) || { echo "no files to look at"; return 0; }
  cmake --preset debug >/dev/null && cmake --build --preset debug -j2 >/dev/null || return 1
  printf '%s\0' "$@" | xargs -0 -n 1 -P 2 clang-tidy-19 -p build/debug --quiet
}

tidy_all() {
  local files=()
  mapfile -t files < <(git ls-files 'src/*.cpp' 'tests/unit/*.cpp' 'tests/fuzz/*.cpp')
  tidy "${files[@]}" && cmake --build --preset debug -j2 --target check_headers
}

# The sources that differ from where this branch left main, or on main from the commit before.
tidy_changed() {
  local base files=()
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [[ -z $base || $base == $(git rev-parse HEAD) ]]; then
    base=$(git rev-parse --verify -q HEAD~1) || { echo "no commit to compare with"; return 0; }
  fi
  mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp' | head -n 24)
  tidy "${files[@]}"
}
