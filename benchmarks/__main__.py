"""Runs one benchmark: `python -m benchmarks NAME [options] --json OUT`, from the root of the repository."""

from __future__ import annotations

from importlib import import_module

import click

# Name -> (module, name of its command there, question), in the order of the help. A module is imported when it is run.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "crops": ("quality.crops", "crops", "Does the encoder find the brand of a labelled box in a gallery?"),
    "identify": ("quality.identify", "identify", "Which share of whole photos gets the right brand, and how surely?"),
    "unknown": ("quality.unknown", "unknown", "How often is a brand that is not in the index taken for one that is?"),
    "naming": ("quality.naming", "naming", "Which brands are named in a folder of photos without labels?"),
    "boxes": ("quality.boxes", "boxes", "Which share of labelled boxes does the detector propose?"),
    "goods": ("quality.goods", "goods", "Are marks found and named on composed photos of goods? (simulated)"),
    "packs": ("quality.packs", "packs", "Is a pack named in photos of another place, from one pack shot?"),
    "plans": ("quality.plans", "plans", "What does the detector gain over tiles, in accuracy and in time?"),
    "effort": ("quality.effort", "effort", "What does the default effort lose against full effort, and save?"),
    "stickers": ("quality.stickers", "stickers", "What does another brand's word, pasted on a photo, change?"),
    "names": ("quality.names", "names", "Are brands found that are in the index by their name alone?"),
    "honest": ("quality.honest", "honest", "Which honest listings are accused by mistake, and by which signals?"),
    "lookalikes": ("quality.lookalikes", "lookalikes", "Are misspelt brand names in photos flagged as look-alikes?"),
    "codes": ("quality.codes", "codes", "Are bar codes and QR codes read, and none where there is none?"),
    "contacts": ("quality.contacts", "contacts", "Are contacts found in words and photos, and none in honest ones?"),
    "copies": ("quality.copies", "copies", "Are changed copies of a photo found, and other photos kept apart?"),
    "specs": ("quality.specs", "specs", "Are contradictions of print and words found? Are swaps of a listing?"),
    "ocr": ("quality.ocr", "ocr", "Which OCR engine reads more, and how fast?"),
    "scripts": (
        "quality.scripts",
        "scripts",
        "Are names in other scripts found in photos, and is the unread said?",
    ),
    "text": ("quality.text", "text", "Are disguised brand names in titles flagged, and honest titles left alone?"),
    "scan": ("speed.scan", "scan", "What does a scan cost beside the plain way of doing it?"),
    "capacity": ("speed.capacity", "capacity", "How many cores do ten million listings a day take?"),
    "stages": ("speed.stages", "stages", "In which stage of a scan does the time go?"),
    "reading": ("speed.reading", "reading", "What does reading cost a photo, by part?"),
    "passes": ("speed.passes", "passes", "How long do the bare networks of a scan take?"),
    "processes": ("speed.processes", "processes", "What do further processes gain, beside what the machine gives?"),
    "encode": ("speed.encode", "encode", "How fast are the networks on a device, and are they right?"),
    "gpu": ("speed.gpu", "gpu", "Is a scan on a GPU as fast as it should be, and does it find the same?"),
    "index": ("speed.index", "index", "What does a photo cost in time and memory as the index grows?"),
    "store": ("speed.store", "store", "What do stored features find of new brands, at which share of a rescan?"),
    "screen": ("speed.screen", "screen", "Does the gate before posting keep its deadline, and decide as a scan does?"),
    "pages": ("speed.pages", "pages", "How fast is the work list of a run in a browser, and how large?"),
    "distributed": ("speed.distributed", "distributed", "Does Ray give the same reports, none lost or doubled?"),
    "attacks": ("robustness.attacks", "attacks", "How does each hostile input end, and what does it cost?"),
    "crashes": ("robustness.crashes", "crashes", "Do the stored files survive kills, flipped bits and cut ends?"),
    "fuzz": ("robustness.fuzz", "fuzz", "Does any random input crash a reader?"),
    "soak": ("robustness.soak", "soak", "Do memory, rate and open files stay level over a long run?"),
    "evasion": ("robustness.evasion", "evasion", "Which marks and names are still found when a seller hides them?"),
    "score": ("simulated.score", "score", "Does the score tell counterfeits from genuine listings? (simulated)"),
    "manyworlds": (
        "simulated.many_worlds",
        "many_worlds",
        "How good is the score over many drawn worlds, beside their posterior? (simulated)",
    ),
    "worlds": ("simulated.worlds", "worlds", "What does a simulated world hold? (simulated)"),
    "evidence": (
        "simulated.evidence",
        "evidence",
        "What do codes and contacts add to the score, and one photo more to the gate? (simulated)",
    ),
    "rings": ("simulated.rings", "rings", "Which accounts belong together, and who is accused by mistake? (simulated)"),
    "buys": ("simulated.buys", "buys", "Do test buys tell the rate of counterfeits, and teach the score? (simulated)"),
    "disclosure": (
        "simulated.disclosure",
        "disclosure",
        "Are the figures of a period right, fast, and their intervals true? (simulated)",
    ),
    "brandpacks": (
        "robustness.brand_packs",
        "brandpacks",
        "Are hostile packs refused, packs taken back, and what can a valid key poison?",
    ),
    "notices": ("simulated.notices", "notices", "Are incomplete notices found, and the right ones first? (simulated)"),
    "leads": ("robustness.leads", "leads", "Are leads whole, guarded byte by byte, and free of personal data?"),
    "loop": ("simulated.loop", "loop", "Does the score learn from verdicts, by the command line alone? (simulated)"),
    "licences": ("licences", "licences", "Under which licences are the packages that logoscan needs?"),
    "tables": ("common.tables", "tables", "Writes the tables of benchmarks/README.md from result files."),
}


class LazyGroup(click.Group):
    """A group that imports only the command that is run, so that its help costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List all names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by its name; None for a name that there is not."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(import_module(f"benchmarks.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each name with its question, without an import."""
        formatter.width = max(formatter.width, 110)
        with formatter.section("Benchmarks"):
            formatter.write_dl([(name, question) for name, (_, _, question) in COMMANDS.items()])


@click.group(cls=LazyGroup)
def main() -> None:
    """Run one benchmark. Each writes its figures, settings and machine to the file that --json names."""


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
