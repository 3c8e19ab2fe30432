#!/usr/bin/env bash
# All that a GPU can tell of this checkout, in under 8 minutes: tools/gpu_check.sh [--budget SECONDS] [--output FOLDER]
# [--only STEP ...] [--device cpu --quick]. docs/gpu.md says what it does; PYTHON=... names the Python to use.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export PYTHONUNBUFFERED=1
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" -m tools.gpu_check "$@" </dev/null
