#!/usr/bin/env python3
"""The other side of feed_peer.rs: reads the same documents with feedparser.

The first line on standard input is a list of {"body": base64, "headers": {…}}; each further line is
a turn: all documents are read once, from memory, and what that took is printed as JSON.
"""

import base64
import io
import json
import sys
import time

import feedparser


def main():
    documents = [(base64.b64decode(one["body"]), one["headers"]) for one in json.loads(sys.stdin.readline())]
    python = ".".join(str(part) for part in sys.version_info[:3])
    print(f"feedparser {feedparser.__version__}, Python {python}", flush=True)
    for _ in sys.stdin:
        entries = failed = 0
        began, used = time.perf_counter(), time.process_time()
        for body, headers in documents:
            try:
                entries += len(feedparser.parse(io.BytesIO(body), response_headers=headers).entries)
            except Exception:
                failed += 1
        took = {"clock": time.perf_counter() - began, "cpu": time.process_time() - used}
        print(json.dumps({**took, "entries": entries, "failed": failed}), flush=True)


if __name__ == "__main__":
    main()
