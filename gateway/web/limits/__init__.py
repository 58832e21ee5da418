"""What clients may take of a gateway, so that one of them cannot take it from the others."""
