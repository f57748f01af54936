"""Sends all requests to the service on one database: `python -m tests.ledger.child LEDGER ANSWERS BODIES`.

It runs in its own process. With `--generate` the requests are a new list instead of those of the ledger.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from tests.ledger import answers, book, generate
from tests.ledger.request import Request
from tests.ledger.service import running


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ledger", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--generate", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # most requests are wrong on purpose
    with tempfile.TemporaryDirectory() as scratch, running(Path(scratch)) as application:
        if options.generate:
            requests = generate.requests(lambda request: answers.ask(request, application).body)
        else:
            requests = [Request.parse(line) for line in book.read(options.ledger)]
        try:
            found = answers.entries(requests, application, book.Bodies(options.bodies))
        except answers.Unsteady as error:
            sys.exit(f"got another answer when it was repeated: {error}")
        book.write(options.answers, found)


if __name__ == "__main__":
    main()
