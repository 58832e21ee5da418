"""A small request again and again, on one connection: `python -m tests.benchmarks.probe PORT` prints its latencies.

They hold the stalls of the event loop, and the time that a busy machine takes to wake two processes.
"""

import http.client
import json
import sys
import time

_PROBES = 400
_PAUSE = 0.005  # seconds between requests


def main(port: int) -> list[float]:
    """Seconds that each request took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = []
    for _ in range(_PROBES):
        began = time.perf_counter()
        connection.request("GET", "/health")
        connection.getresponse().read()
        found.append(time.perf_counter() - began)
        time.sleep(_PAUSE)
    connection.close()
    return found


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
