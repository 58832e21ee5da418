"""Exports on disk, written once, read by many.  Knows the ground only; is given what produces the bytes."""
