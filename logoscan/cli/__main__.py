"""`python -m logoscan.cli`."""

from logoscan.cli import main

main(prog_name="logoscan")
