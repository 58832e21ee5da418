"""Loading: files of segments, and documents made otherwise, into a dataset."""

from gateway.loading.calls import Calling
from gateway.loading.errors import BadDataset, BadFile, BadLine, LoadingError, StoreFailed
from gateway.loading.importer import Report, import_files
from gateway.loading.writer import Counts, check_dataset, load

__all__ = [
    "BadDataset",
    "BadFile",
    "BadLine",
    "Calling",
    "Counts",
    "LoadingError",
    "Report",
    "StoreFailed",
    "check_dataset",
    "import_files",
    "load",
]
