#!/usr/bin/env bash
# All Python tests, in two halves beside each other: those with browsers and networks wait much, the others compute.
# Called by `make test`; arguments go to both. The second half is shown when the first is done.
set -uo pipefail
cd "$(dirname "$0")/.."
waiting=(tests/e2e tests/media)
computing=()
for folder in tests/*/; do
  case "${folder%/}" in tests/e2e | tests/media | */__pycache__) ;; *) computing+=("${folder%/}") ;; esac
done
shown=$(mktemp)
trap 'rm -f "$shown"; kill "$other" 2>/dev/null' EXIT
nice .venv/bin/python -m pytest -p no:cacheprovider --durations=15 "$@" "${computing[@]}" >"$shown" 2>&1 &
other=$!
.venv/bin/python -m pytest --durations=40 "$@" "${waiting[@]}"
first=$?
wait "$other"
second=$?
cat "$shown"
# 5 is "no tests": a choice such as `-k tokens` may leave one half without any.
if ((first == 5 && second != 5)); then first=0; fi
if ((second == 5 && first != 5)); then second=0; fi
exit $((first ? first : second))
