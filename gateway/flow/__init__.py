"""From a plan to bytes: slices read, encoded, put in order and compressed.  Knows the ground and the database."""
