"""The gateway in front of a Beacon: what it does not serve itself is forwarded, as intermediaries do (RFC 9110)."""
