"""Loading: .pgxseg files, and documents made otherwise, into a dataset."""
