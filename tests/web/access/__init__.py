"""Access: who gets what."""
