"""`python -m softmargin.cli` is the command `softmargin`."""

from softmargin.cli import main

raise SystemExit(main())
