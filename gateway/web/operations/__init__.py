"""Seeing what the gateway does: a line for each request, metrics for Prometheus, traces."""
