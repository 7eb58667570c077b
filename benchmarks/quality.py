"""How well brands are found: `quality.py COMMAND`, see --help for the commands."""

import click
from quality_boxes import boxes
from quality_effort import effort
from quality_encoder import crops, names
from quality_photos import identify, unknown
from quality_plans import plans
from quality_stickers import stickers


@click.group()
def main() -> None:
    """Quality figures on labelled photos."""


for command in (crops, boxes, identify, plans, effort, stickers, unknown, names):
    main.add_command(command)

if __name__ == "__main__":
    main()
