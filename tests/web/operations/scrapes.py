"""Gateways whose metrics are read as Prometheus reads them."""

import shutil
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.harness import Gateway, free_port

__all__ = ["OPEN", "Watched", "asked_everything", "folders", "tool"]

OPEN = {"Accept": "application/openmetrics-text; version=1.0.0"}


class Watched(Gateway):
    """A gateway with metrics."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self.metrics_port = free_port()
        super().__init__(*arguments, metrics_port=self.metrics_port, **settings)

    def scrape(self, **headers: str) -> str:
        """What it tells."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.read().decode()

    def samples(self) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
        """All numbers, by name and labels."""
        families = text_string_to_metric_families(self.scrape(**OPEN))
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def number(self, name: str, **labels: str) -> float:
        """One of them, 0 if there is none yet; a sum over the labels that are not named."""
        wanted = frozenset(labels.items())
        return sum(v for (n, own), v in self.samples().items() if n == f"pgx_gateway_{name}" and wanted <= own)


def asked_everything(gateway: Gateway, big: str) -> None:
    """Use a gateway so that all its metrics have numbers: made, kept, a page, computed, compressed, refused."""
    for path in (big, big, big.replace("pgxseg", "json") + "&limit=2", big + ".gz", "/nowhere", "/health", "/ready"):
        gateway.ask(path)


def tool(name: str) -> str:
    """The path of a program of Prometheus; skips the test where it is not there."""
    unpacked = Path(sys.prefix) / "prometheus/usr/bin"  # by tests/run.sh
    found = shutil.which(name) or shutil.which(name, path=str(unpacked))
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package prometheus has it)")
    return found


def folders(where: str = "/dev/shm") -> set[Path]:
    """The folders of metrics that there are."""
    return set(Path(where).glob("pgx-gateway-metrics-*"))
