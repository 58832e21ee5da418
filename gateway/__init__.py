"""pgx-gateway: streams genomic variants from MongoDB to files.  Importing this package does nothing else."""

__all__ = ["__version__"]

__version__ = "0.1.0"
