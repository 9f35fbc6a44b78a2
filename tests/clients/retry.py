"""Asks for a URL twice with urllib3, which may try once more when it is told to wait, and prints
what came of the second."""

import json
import sys

import urllib3

url = sys.argv[1]
retry = urllib3.Retry(total=1, raise_on_status=False)
with urllib3.PoolManager(retries=retry) as pool:
    first = pool.request("GET", url)
    second = pool.request("GET", url)
print(
    json.dumps(
        {
            "first": first.status,
            "history": [attempt.status for attempt in second.retries.history],
            "second": second.status,
        }
    )
)
