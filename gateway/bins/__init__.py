"""Genome bins, and what copy-number variants make of them: pure, numbers in, numbers out.  Sole owner of numpy.

`maps` lays out the bins, `coverage` says how much of each is gained or lost, `counting` how often in a group.
"""
