"""Command lines that fetch a guarded export, with the token that the environment holds.

The token is in no command line, where all users of a machine can read it: the shell's own `printf` hands it on as
configuration (to wget in a file that only the user can read, for as long as it runs), or the program reads the
environment itself.  No redirect is followed, or none with the token; aria2c can
do neither, and is not among them.
"""

import json
import shlex
from typing import Final

__all__ = ["VARIABLE", "with_token"]

VARIABLE: Final = "PGX_TOKEN"
_TOLD: Final = f'"${{{VARIABLE}:?}}"'
_CURL: Final = f"printf 'header = \"Authorization: Bearer %s\"\\n' {_TOLD} | curl -K -"
# wget takes its configuration from a regular file alone.
_WGET: Final = (
    "(t=$(mktemp) && trap 'rm -f \"$t\"' EXIT && trap 'exit 130' INT TERM HUP"
    f' && printf \'header = Authorization: Bearer %s\\n\' {_TOLD} > "$t" && wget --config="$t" --max-redirect=0'
)


def with_token(address: str, name: str, hashed: str) -> dict[str, str]:
    """Commands for the shell, and code for R and Python, by the name of who runs them; `hashed` is its SHA-256."""
    url, quoted, file = shlex.quote(address), json.dumps(address), json.dumps(name)
    curl = f"until {_CURL} -fO -C - --retry 1000 --retry-connrefused {url}; do [ $? -ne 22 ] || break; sleep 5; done"
    python = (
        "import os, shutil, urllib.request as u",
        f"r = u.Request({quoted})",
        f"r.add_unredirected_header('Authorization', 'Bearer ' + os.environ['{VARIABLE}'])",
        "d = u.urlopen(r)",
        f"f = open({file}, 'wb')",
        "shutil.copyfileobj(d, f)",
        "f.close()",
        "assert not d.length, 'cut short'",
    )
    token = f"c(Authorization = paste('Bearer', Sys.getenv('{VARIABLE}')))"
    return {
        "wget": f"{_WGET} -c --tries=0 --retry-connrefused {url})"
        f" && {_WGET} -qO- {shlex.quote(hashed)}) | sha256sum -c",
        "curl": f"{curl}; {_CURL} -fsS --retry 9 {shlex.quote(hashed)} | sha256sum -c",
        "R": f"options(timeout = 86400); "
        f"download.file({quoted}, {file}, mode = 'wb', method = 'libcurl', headers = {token})",
        "python": "; ".join(python),
        "fetch": f"pgx-gateway fetch {url}",
    }
