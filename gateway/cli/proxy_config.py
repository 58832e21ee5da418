"""`pgx-gateway proxy-config`: what to put into nginx or Apache, so that downloads go to the gateway."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from gateway.cli.settings import add_settings, config_of
from gateway.config import SETTINGS

if TYPE_CHECKING:
    from gateway.planning.proxy_rules import Rules

__all__ = ["add_options", "configuration"]

_PLACE = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}\Z")

_NGINX: Final = """\
# Downloads go to the gateway, everything else to the Beacon that was there before.  For /etc/nginx/conf.d/.
# Made by `pgx-gateway proxy-config nginx`.
upstream gateway { server <gateway>; keepalive 16; }
upstream beacon  { server <beacon>; }

map "$request_method $request_uri" $download {
    default 0;

    # What the gateway does not answer as the Beacon does: parameters, and outputs that are none of its formats.
<stay>

    # What it answers.
<go>
}

server {
    listen <listen>;
    large_client_header_buffers 4 64k;   # long lists of ids in a URL

    location / {
        error_page 418 = @gateway;       # the one way to leave an `if` for another location
        if ($download) { return 418; }
        proxy_pass http://beacon;
        proxy_set_header Host $http_host;
    }

    location /gateway/ {                 # its page, what that asks, /gateway/health and /gateway/ready
        proxy_pass http://gateway;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }

    location @gateway {
        proxy_pass http://gateway;
        proxy_http_version 1.1;          # with 1.0 a transfer that broke would look complete
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;

        proxy_buffering off;             # bytes flow at once, and none go by way of nginx's disk
        proxy_max_temp_file_size 0;
        proxy_buffer_size 64k;
        proxy_buffers 8 64k;
        gzip off;                        # the gateway compresses; done here it would cost ETags and ranges

        proxy_read_timeout 3600s;        # a Range request waits for the end of a pass; --retry-window is shorter
        send_timeout 600s;               # as --client-timeout
        proxy_socket_keepalive on;       # a gateway that is gone is noticed all the same
        proxy_next_upstream off;
    }
}
"""

_APACHE: Final = """\
# Downloads go to the gateway, everything else to the Beacon that was there before.
# For /etc/apache2/sites-available/; needs `a2enmod proxy_http rewrite env`.
# Made by `pgx-gateway proxy-config apache`.
<Proxy "http://<gateway>">
    # A Range request waits for the end of a pass; --retry-window is shorter.
    ProxySet flushpackets=on timeout=3600
</Proxy>

<VirtualHost *:<listen>>
    ProxyPreserveHost On
    LimitRequestLine 65536
    AllowEncodedSlashes NoDecode
    SetEnv no-gzip 1

    RewriteEngine On

    # What the gateway does not answer as the Beacon does: parameters, and outputs that are none of its formats.
<stay>
    RewriteRule ^ - [L]

    # What it answers; the last condition keeps the path as it was asked, where `%3F` is no question mark.
<go>
    RewriteCond %{THE_REQUEST} "^[A-Z]+ ([^? ]+)"
    RewriteRule ^ http://<gateway>%1 [P,NE,L]

    ProxyPass "/gateway/" "http://<gateway>/gateway/"
    ProxyPass "/" "http://<beacon>/"
</VirtualHost>
"""


def _map_lines(patterns: tuple[str, ...], value: int) -> str:
    return "\n".join(f'    "~{pattern}" {value};' for pattern in patterns)


def _nginx(rules: "Rules") -> Mapping[str, str]:
    return {"stay": _map_lines(rules.stay, 0), "go": _map_lines(rules.go, 1)}


def _conditions(patterns: tuple[str, ...]) -> str:
    lines = [f'    RewriteCond %{{THE_REQUEST}} "{pattern}"' for pattern in patterns]
    return " [OR]\n".join(lines)


def _apache(rules: "Rules") -> Mapping[str, str]:
    return {"stay": _conditions(rules.stay), "go": _conditions(rules.go)}


_SERVERS: Final[Mapping[str, tuple[str, Callable[["Rules"], Mapping[str, str]]]]] = {
    "nginx": (_NGINX, _nginx),
    "apache": (_APACHE, _apache),
}


def configuration(
    server: str,
    *,
    gateway: str = "127.0.0.1:8080",
    beacon: str = "127.0.0.1:8000",
    listen: str = "80",
    handovers: bool = True,
    datasets: Sequence[str] = (),
    plots: bool = True,
) -> str:
    """The configuration of a server, `nginx` or `apache`, that stands before both; where they listen, as HOST:PORT.

    Without `handovers` or `plots`, and for others than the `datasets`, if some are given, the Beacon answers as before.
    """
    from gateway.planning.proxy_rules import rules  # noqa: PLC0415 - formats are slow to import for `--help`

    template, lines = _SERVERS[server]
    words = {
        **lines(rules(handovers=handovers, datasets=datasets, plots=plots)),
        "gateway": gateway,
        "beacon": beacon,
        "listen": listen,
    }
    return re.sub("<(gateway|beacon|listen|stay|go)>", lambda found: words[found[1]], template)


def _place(text: str) -> str:
    if not _PLACE.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def _port(text: str) -> str:
    if not (re.fullmatch("[0-9]{1,5}", text, re.ASCII) and 0 < int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return text


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("server", choices=tuple(_SERVERS), help="the server that stands before both")
    for flag, kind, default, what in (
        ("--gateway", _place, "127.0.0.1:8080", "where the gateway listens"),
        ("--beacon", _place, "127.0.0.1:8000", "where the Beacon listens"),
        ("--listen", _port, "80", "the port of the server itself"),
    ):
        parser.add_argument(flag, type=kind, default=default, help=f"{what} (default: {default})")
    parser.add_argument("--keep-plots", action="store_true", help="all plots stay with the Beacon")
    # Without buffers links with an accessid stay with the Beacon, and so do others than the datasets that are named.
    add_settings(parser, but=frozenset(setting.name for setting in SETTINGS) - {"query_buffers", "datasets"})
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    config = config_of(options)
    said = options.datasets or options.config  # else the Beacon's are not known to be others
    sys.stdout.write(
        configuration(
            options.server,
            gateway=options.gateway,
            beacon=options.beacon,
            listen=options.listen,
            handovers=bool(config.query_buffers),
            datasets=config.datasets if said else (),
            plots=not options.keep_plots,
        )
    )
    return 0
