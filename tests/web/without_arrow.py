"""A gateway where pyarrow is not installed: `python -m tests.web.without_arrow serve …`."""

import sys

sys.modules["pyarrow"] = None  # type: ignore[assignment]  # neither found nor imported

if __name__ == "__main__":
    from gateway import cli

    sys.exit(cli.main())
