#!/usr/bin/env bash
# Print the Python that makes the virtual environment: PYTHON if it is set, else that of the
# environment that is there already, else the first of the versions that were tried.
set -euo pipefail

venv="${1:-.venv}"
candidates=("$venv/bin/python" python3.11 python3.12 python3.13 python3)
[ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
found=()
for python in "${candidates[@]}"; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue
    found+=("$python is $version")
    case "$version" in 3.11 | 3.12 | 3.13) ;; *) continue ;; esac
    if ! "$python" -c 'import venv, ensurepip' 2> /dev/null; then
        echo "setup: $python has no venv module. Run: apt-get install python$version-venv" >&2
        exit 1
    fi
    echo "$python"
    exit 0
done

{
    echo "setup: Python 3.11, 3.12 or 3.13 is needed and was not found (${found[*]:-no Python at all})."
    echo "Run: apt-get install python3 python3-venv, or name one: make setup PYTHON=/path/to/python"
} >&2
exit 1
