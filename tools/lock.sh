#!/usr/bin/env bash
# Makes requirements/dev.lock of pyproject.toml and requirements/dev.in, for every platform and Python 3.11+, and the lock of the agents test. Needs uv.
set -euo pipefail
cd "$(dirname "$0")/.."
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  pyproject.toml requirements/dev.in -o requirements/dev.lock "$@"
# The agents package wants another `livekit` than the other tests do.
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  tests/e2e/agent/requirements.in -o tests/e2e/agent/requirements.lock "$@"
