"""What `pgx-gateway check` looks at: settings, machine, spool, database, indexes and plans, told in plain words."""
