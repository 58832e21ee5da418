"""What a Beacon says of itself, for what the gateway serves."""
