"""Measurements: each prints its figures with the ceiling beside them, from the same run.  None is part of the suite."""
