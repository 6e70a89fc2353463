#!/usr/bin/env bash
# Builds the fuzz targets and runs each for MINUTES (0.5 is 30 s), two at a time. Ends non-zero if anything was found;
# findings, logs and new inputs are in build-fuzz/. --keep: adds to tests/fuzz/corpus/ what reached new code.
# "syscalls" is a target as well: random system calls in jails of the programs in build/.
# usage: tests/fuzz/run.sh [--keep] MINUTES [TARGET...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source=tests/fuzz out=build-fuzz
most_bytes=4096

keep=
if [ "${1:-}" = --keep ]; then keep=yes; shift; fi
[ $# -ge 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
seconds=$(awk -v minutes="$1" 'BEGIN { printf "%d", minutes * 60 }')
[ "$seconds" -gt 0 ] || { echo "run.sh: MINUTES must be a number above 0, not '$1'" >&2; exit 2; }
shift
all=()
for file in "$source"/targets/*.cc; do all+=("$(basename "$file" .cc)"); done
targets=("$@")
[ $# -gt 0 ] || targets=("${all[@]}")

parsers=() syscalls=
for target in "${targets[@]}"; do
  if [ "$target" = syscalls ]; then syscalls=yes
  elif [ -e "$source/targets/$target.cc" ]; then parsers+=("$target")
  else echo "run.sh: no target '$target'; there are: ${all[*]} syscalls" >&2; exit 2
  fi
done

if [ ${#parsers[@]} -gt 0 ]; then
  cmake -S . -B "$out" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_COMPILER=clang++ -DPYEXEC_FUZZ=ON -DPYEXEC_WERROR=OFF >/dev/null
  cmake --build "$out" --target "${parsers[@]/#/fuzz-}"
fi

fuzz() {
  local name=$1 scratch=$out/scratch/$1 dictionary=$source/dictionaries/$1.txt options=()
  mkdir -p "$scratch" "$out/findings" "$source/corpus/$name"
  if [ -e "$dictionary" ]; then options+=("-dict=$dictionary"); fi
  "$out/fuzz-$name" -max_total_time="$seconds" -max_len=$most_bytes -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$out/findings/$name-" "${options[@]}" "$scratch" "$source/corpus/$name" >"$out/$name.log" 2>&1
}

# The fewest small inputs that reach what all of them reach.
merge() {
  local name=$1 merged=$out/merged/$1
  rm -rf "$merged"
  mkdir -p "$merged"
  "$out/fuzz-$name" -set_cover_merge=1 -max_len=1024 "$merged" "$source/corpus/$name" "$out/scratch/$name" >"$out/$name.merge.log" 2>&1
  rm -rf "${source:?}/corpus/$name"
  mv "$merged" "$source/corpus/$name"
}

report() {
  awk -v name="$1" '/ cov: / { for (i = 1; i < NF; ++i) if ($i == "cov:") cov = $(i + 1) }
    /number_of_executed_units/ { units = $2 } /average_exec_per_sec/ { rate = $2 }
    END { printf "%-16s %12s executions %8s/s  %5s edges\n", name, units, rate, cov }' "$out/$1.log"
}

failed=()
for ((i = 0; i < ${#parsers[@]}; i += 2)); do
  pids=() pair=("${parsers[@]:i:2}")
  for name in "${pair[@]}"; do fuzz "$name" & pids+=($!); done
  for j in "${!pair[@]}"; do
    if wait "${pids[j]}"; then
      report "${pair[j]}"
    else
      failed+=("${pair[j]}")
      tail -n 40 "$out/${pair[j]}.log" >&2
    fi
  done
done
if [ -n "$keep" ]; then for name in "${parsers[@]}"; do merge "$name"; done; fi

if [ -n "$syscalls" ]; then
  FUZZ_SECONDS=$seconds FUZZ_SEED=$RANDOM /usr/bin/python3 -B -m pytest -p no:cacheprovider -s -q tests/e2e/isolation/test_syscall_fuzz.py ||
    failed+=(syscalls)
fi
if [ ${#failed[@]} -gt 0 ]; then
  echo "run.sh: found something: ${failed[*]}; inputs are in $out/findings/" >&2
  exit 1
fi
