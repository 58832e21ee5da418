"""What the paths answer, a module each."""
