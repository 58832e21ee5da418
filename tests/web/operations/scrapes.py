"""Gateways whose metrics are read as Prometheus reads them."""

import shutil
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.harness import Gateway, free_port

__all__ = ["OPEN", "Watched", "asked_everything", "tool"]

PAGE = "/beacon/variants?biosampleIds=pgxbs-00000001&limit=2"
OPEN = {"Accept": "application/openmetrics-text; version=1.0.0"}


class Watched(Gateway):
    """A gateway with metrics."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self.metrics_port = free_port()
        super().__init__(*arguments, metrics_port=self.metrics_port, **settings)

    @property
    def folder(self) -> Path | None:
        """Where its processes count together, if they do: the folder whose lock the first of them holds."""
        opened = (Path(file.path).parent for file in psutil.Process(self.process.pid).open_files())
        return next((folder for folder in opened if folder.name.startswith("pgx-gateway-metrics-")), None)

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
    for path in (big, big, PAGE, big + ".gz", "/nowhere", "/health", "/ready"):
        gateway.ask(path)


def tool(name: str) -> str:
    """The path of a program of Prometheus; skips the test where it is not there."""
    unpacked = Path(sys.prefix) / "prometheus/usr/bin"  # by tests/run.sh
    found = shutil.which(name) or shutil.which(name, path=str(unpacked))
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package prometheus has it)")
    return found
