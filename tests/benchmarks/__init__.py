"""Benchmarks: one program each, a table as output, ceilings measured in the same run.  Not part of the suite."""
