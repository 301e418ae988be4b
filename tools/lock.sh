#!/usr/bin/env bash
# Makes requirements/dev.lock of pyproject.toml and requirements/dev.in, for every platform and Python 3.11+. Needs uv.
set -euo pipefail
cd "$(dirname "$0")/.."
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  pyproject.toml requirements/dev.in -o requirements/dev.lock "$@"
