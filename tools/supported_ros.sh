#!/usr/bin/env bash
# Says why the suite cannot run with a ROS 2 distribution, and what to do, and ends with 1; 0: it can.
#     tools/supported_ros.sh DISTRIBUTION      pypi: none is sourced, it comes from PyPI
set -euo pipefail

case ${1-} in
    pypi | humble | jazzy | kilted) exit 0 ;;
    lyrical) why="runs on Python 3.14, and the suite's libraries are pinned for 3.10 to 3.13" ;;
    *) why="is none of those that the suite is made for: humble, jazzy, kilted" ;;
esac
echo "ROS 2 '${1-}' is sourced, which $why. Source one of these, or start ./vla in a shell that has" \
    "sourced none: it takes ROS 2 Kilted from PyPI (x86-64, Python 3.10 to 3.13)." >&2
exit 1
