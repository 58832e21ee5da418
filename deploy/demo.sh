#!/bin/sh
# The demo in one command: makes .venv beside this repository where it is missing, installs the gateway with the embedded
# database (and pyarrow, if that can be had) into it, and starts `pgx-gateway demo` with the arguments given here.  Later
# runs start at once, offline.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$root/.venv
stamp=$venv/.installed-demo

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    say "Python 3.11 or later is needed, and none was found. On Debian or Ubuntu: apt-get install python3 python3-venv"
    exit 1
}

make_venv() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
        if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
            say "Python's venv module is missing. Install it, then run this again: sudo apt-get install $package"
            exit 1
        fi
        say "Installing $package"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq >/dev/null && apt-get install -y -qq "$package" >/dev/null
    fi
    say "Making $venv"
    "$python" -m venv "$venv"
}

install() { (cd "$root" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$1"); }

# A run that was interrupted leaves a .venv without pip, or without the stamp: both are mended here.
[ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv
sources_changed() {
    [ -n "$(find "$root/gateway/codec" \( -name '*.pyx' -o -name '*.hpp' \) -newer "$stamp")" ]
}
if [ ! -e "$stamp" ] || [ "$root/pyproject.toml" -nt "$stamp" ] || sources_changed || [ ! -x "$venv/bin/pgx-gateway" ]; then
    say "Installing pgx-gateway and what it needs into $venv: some 350 MB, a minute or several"
    install '.[embedded,arrow]' || {
        say "pyarrow cannot be installed: the demo goes without Arrow and Parquet files"
        install '.[embedded]'
    }
    touch "$stamp"
fi
exec "$venv/bin/pgx-gateway" demo "$@"
