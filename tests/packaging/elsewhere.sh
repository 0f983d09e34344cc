#!/usr/bin/env bash
# Tests with other packages or another Python than those of the lock, in an environment that is removed afterwards.
#
#   tests/packaging/elsewhere.sh oldest|newest|locked PYTHON [TESTS...]
#
# oldest: the oldest releases that pyproject.toml allows of the packages that it names, which uv finds out. newest: the
# newest that there are, pre-releases left out. locked: those of constraints.txt, for the tests under another Python.
set -euo pipefail
cd "$(dirname "$0")/../.."
which=$1 python=$2
shift 2
tests=("$@")
[ $# -gt 0 ] || tests=(tests/unit/store tests/unit/loader tests/unit/export tests/unit/ops tests/unit/versions
  tests/property/test_store_property.py tests/property/test_loader_property.py tests/integration/test_pipeline.py)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/env"
pip=("$folder/env/bin/python" -m pip --disable-pip-version-check install --quiet)
case $which in
  oldest)
    "$python" -m venv "$folder/uv"
    "$folder/uv/bin/python" -m pip --disable-pip-version-check install --quiet uv
    # Without the packages of PyTorch's CUDA build, which pip takes where the build that it finds asks for them.
    "$folder/uv/bin/uv" pip compile --quiet --no-header --no-annotate --resolution lowest-direct \
      --python "$folder/env/bin/python" --extra pipeline --extra remote pyproject.toml |
      grep --extended-regexp --invert-match '^(nvidia|cuda|triton)' > "$folder/oldest.txt"
    "${pip[@]}" --constraint "$folder/oldest.txt" --editable '.[pipeline,remote]' pytest pytest-timeout hypothesis
    ;;
  newest) "${pip[@]}" --upgrade --editable '.[pipeline,remote]' pytest pytest-timeout hypothesis ;;
  locked)
    "${pip[@]}" --constraint constraints.txt --editable '.[dev]'
    # Without their dependencies, of which opencv-python-headless would take the place of opencv-python.
    "${pip[@]}" --constraint constraints.txt --no-deps albumentations albucore
    ;;
  *) echo "expected oldest, newest or locked; found $which" && exit 2 ;;
esac
"$folder/env/bin/python" --version
"${pip[@]::3}" --disable-pip-version-check list | grep --extended-regexp '^(numpy|zarr|numcodecs|pyarrow|torch|pandas|dask|click|opencv-python|pydantic) '
PATH=$folder/env/bin:$PATH "$folder/env/bin/python" -m pytest "${tests[@]}"
