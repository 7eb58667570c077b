"""How well brands are found: `quality.py crops | boxes | identify | plans | effort | unknown | names`, see --help."""

import click
from quality_boxes import boxes
from quality_effort import effort
from quality_encoder import crops, names
from quality_photos import identify, unknown
from quality_plans import plans


@click.group()
def main() -> None:
    """Quality figures on labelled photos."""


for command in (crops, boxes, identify, plans, effort, unknown, names):
    main.add_command(command)

if __name__ == "__main__":
    main()
