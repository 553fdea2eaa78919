"""`python -m mtb_eval` is the command line."""

import sys

from mtb_eval.cli import main

if __name__ == "__main__":
    sys.exit(main())
