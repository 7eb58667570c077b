"""`python -m logoscan` is the command line."""

from logoscan.cli import main

main(prog_name="logoscan")
