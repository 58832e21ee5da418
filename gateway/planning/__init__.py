"""From what was asked to what is delivered: an `Ask` becomes a `Plan`.  Knows requests, formats and the database."""
