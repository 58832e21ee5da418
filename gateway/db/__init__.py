"""MongoDB: raw reads, what a deployment's datasets hold, which samples a query selects, and how reads are tried again.

Read-only; sole owner of the driver.  Knows the ground only.
"""
