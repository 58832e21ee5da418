"""A gateway on the Python engine, whatever is built: `python -m tests.benchmarks.plain serve …`."""

import os
import sys

os.environ["GATEWAY_NO_EXTENSIONS"] = "1"

if __name__ == "__main__":
    from gateway import cli

    sys.exit(cli.main())
