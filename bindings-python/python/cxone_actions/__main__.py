"""``python -m cxone_actions``."""

import sys

from ._cli import main

sys.exit(main())
