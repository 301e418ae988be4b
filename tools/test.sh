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
exit $((first ? first : second))
