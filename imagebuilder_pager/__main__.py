"""``python -m imagebuilder_pager`` is the command ``imagebuilder-pager``."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
