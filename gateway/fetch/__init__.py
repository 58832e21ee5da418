"""`pgx-gateway fetch`: downloads that resume by themselves and end with the right bytes.  A client; knows no server."""
