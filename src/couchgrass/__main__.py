"""``python -m couchgrass`` is the command ``couchgrass``."""

from couchgrass.cli.main import main

main()
