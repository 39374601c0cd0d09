#!/usr/bin/env bash
# Print the Python that makes the virtual environment: PYTHON, else the first that is new enough.
# A virtual environment that is there already keeps its own Python.
set -euo pipefail

venv="${1:-.venv}"
found=()
for python in "$venv/bin/python" ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue
    found+=("$python is $version")
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
    if ! "$python" -c 'import venv, ensurepip' 2> /dev/null; then
        echo "setup: $python has no venv module. Run: apt-get install python$version-venv" >&2
        exit 1
    fi
    echo "$python"
    exit 0
done

{
    echo "setup: Python 3.11 or newer is needed and was not found (${found[*]:-no Python at all})."
    echo "Run: apt-get install python3.11 python3.11-venv, or name one: make setup PYTHON=/path/to/python"
} >&2
exit 1
