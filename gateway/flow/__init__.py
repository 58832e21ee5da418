"""Room 3: moving batches from the database to bytes.  Knows the model and the errors only."""
