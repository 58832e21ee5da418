"""HTTP messages (RFC 9110): requests read, conditions and ranges answered, bodies sent."""
