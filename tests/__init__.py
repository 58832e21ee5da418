"""Tests of pgx-gateway: real database, real sockets, real clients."""
