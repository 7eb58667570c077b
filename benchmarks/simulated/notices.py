"""Are incomplete notices found, and do those come first that will be upheld? Simulated.

5,000 notices of 200 notifiers, whose notices are upheld with a share of their own in [0.2, 0.98]; a part of them was
decided before, which is all that is known of the notifiers. 17 % of the notices lack something that Article 16(2) asks
for, or have it in a form that says nothing ("n/a", a shop's address, an address of no mail); the others are written in
many ways, in several scripts. A report agrees with an upheld notice more often than with another one, is silent where
photos could not be read, and now and then is wrong.

`incomplete_precision`, `incomplete_recall`: of the incomplete notices; they lack something by form: whether a long
explanation explains anything, no check says. `first_fifth_ratio`: share of upheld notices among the first fifth of the
queue of complete ones, over that of the notices that came first; `*_no_record`, `*_no_report` of a queue that knows
nothing of the notifiers, or has no reports; `*_reach` where listings reach differently many people, and the value is
the product. Means of `--rounds` rounds, and the least of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.results import write_result
from logoscan.cases.notice_files import to_notice
from logoscan.cases.notice_queue import NotifierRecord, rank_notices, weigh_notice
from logoscan.cases.notices import Known, check_notice, is_complete
from logoscan.results import BrandResult, ImageRecord, ListingFacts, Provenance, Report, Score, Signal
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand

NOTICES, NOTIFIERS, INCOMPLETE = 5000, 200, 0.17
BRANDS = tuple(Brand(f"Brand{chr(65 + i)}{chr(65 + j)}") for i in range(5) for j in range(6))
EXPLANATIONS = (
    "The stitching, the label and the box differ from those of our goods, see the photos.",
    "Our client never made this model in that colour; the serial number does not exist.",
    "Die Ware ist gefälscht: Das Etikett trägt eine Nummer, die wir nie vergeben haben.",
    "这是假冒商品，商标未经授权使用，包装与正品不同。",
    "Товар является подделкой, логотип нанесён без разрешения правообладателя.",
    "偽物です。当社の商標を無断で使用しています。",
    "It's a copy. We bought one: wrong zip, wrong font.",
)
NAMES = ("Jane Roe", "李雷", "Ольга К.", "Müller & Söhne", "J. O'Neil", "Dr. A. Lee")
MAILS = ("ip@acme.example", "jane.roe+ip@law-firm.example", "a.b@sub.domain.co", "ÿp@müller.example", "x_y@a-b.io")
# What makes a notice incomplete: a field, and what it holds then; None leaves the field out.
GAPS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("explanation", (None, "", "  ", "n/a", "fake", "illegal!!", "-", "asdf", 17)),
    ("listing", (None, [], ["-"], "https://shop.example", "https://shop.example/", "the blue one", ["n/a"])),
    ("notifier_name", (None, "", " ", "-", "n/a", "123", ["Jane"])),
    ("notifier_email", (None, "", "none", "ip@", "acme.example", "a b@c.example", "ip at acme.example", 5)),
    ("good_faith", (None, False, "yes", 1)),
    ("brand", (None, "", "n/a", "-")),
    ("right", (None, {}, {"office": "EUIPO"}, "EUIPO 123", {"office": "EUIPO", "number": " "})),
    ("authority", (None, "", "n/a", " - ")),
)


def notice(number: int, rng: np.random.Generator) -> tuple[dict[str, Any], bool]:
    """Draw the JSON of a notice, and whether it is incomplete."""

    def pick(values: Sequence[Any]) -> Any:
        return values[int(rng.integers(len(values)))]

    brand = pick(BRANDS).name
    listing = f"L{number}"
    row: dict[str, Any] = {
        "id": f"N{number}",
        "received_at": (datetime(2026, 7, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat(),
        "explanation": pick(EXPLANATIONS),
        "notifier_name": pick(NAMES),
        "notifier_email": pick(MAILS),
        "good_faith": True,
        "brand": brand if rng.random() < 0.8 else brand.upper(),
        "right": {"office": "EUIPO", "number": f"01{number:07}", "nice_classes": [25]},
        "authority": pick(("owner", "licensee since 2019", "power of attorney of 3 March")),
    }
    if rng.random() < 0.5:
        row["listing_ids"] = [listing]
    else:
        row["urls"] = [f"https://shop.example/item/{listing}" + pick(("", "/", "?ref=mail", "#photo"))]
    if rng.random() >= INCOMPLETE:
        return row, False
    for _ in range(1 + int(rng.random() < 0.3)):
        field, values = GAPS[int(rng.integers(len(GAPS)))]
        value = pick(values)
        if field == "listing":
            row.pop("listing_ids", None)
            row.pop("urls", None)
            if isinstance(value, list):
                row["listing_ids"] = value
            elif value is not None:
                row["urls"] = [value]
        elif value is None:
            row.pop(field, None)
        else:
            row[field] = value
    return row, True


def report(listing: str, brand: str, upheld: bool, rng: np.random.Generator) -> Report | None:
    """Draw what a scan says of a listing: three quarters of upheld notices are seen, and a fifth of the others."""
    if rng.random() < 0.1:
        return None
    seen, blind = rng.random() < (0.75 if upheld else 0.35), rng.random() < 0.15
    model = ScoreModel()
    signal = Signal("coded_terms", float(rng.beta(2, 2) if upheld else rng.beta(1, 3)), "simulated")
    score = model.score(brand, [signal]) if seen else Score(None, "clear", None, model.bias, (), 1.0, model.version)
    made = Provenance("simulated", "", "", "", "", model.version, "", "2026-07-01T00:00:00+00:00")
    return Report(
        listing, "seller", score, (BrandResult(brand, 0.9, score.value or 0.0, True),) if seen else (), (), (),
        ("image 0: cannot be read",) if blind else (), (), (ImageRecord("a.jpg", "0" * 64, 9, 9),), made,
        listing=ListingFacts(url=f"https://shop.example/item/{listing}"),
    )  # fmt: skip


def notice_round(seed: int) -> dict[str, float]:
    """Check and rank one round of notices."""
    rng = np.random.default_rng([11, seed])
    share = rng.uniform(0.2, 0.98, NOTIFIERS)
    weight = rng.lognormal(0.0, 1.2, NOTIFIERS)
    who = rng.choice(NOTIFIERS, NOTICES, p=weight / weight.sum())
    decided = rng.poisson(25 * weight / weight.mean())
    records: Mapping[str, NotifierRecord] = {
        f"W{i}": NotifierRecord(f"W{i}", int(n), int(rng.binomial(n, share[i]))) for i, n in enumerate(decided) if n
    }
    rows, wanted = zip(*(notice(number, rng) for number in range(NOTICES)), strict=True)
    upheld = rng.random(NOTICES) < share[who]
    reach = rng.lognormal(3.0, 1.0, NOTICES)
    known = Known(BRANDS, listings={f"L{n}": f"https://shop.example/item/L{n}" for n in range(NOTICES)})
    views: dict[str, list[Any]] = {"": [], "_no_record": [], "_no_report": [], "_reach": []}
    found = []
    for number, row in enumerate(rows):
        read = to_notice({**row, "notifier_id": f"W{who[number]}"})
        problems = check_notice(read, known)
        found.append(not is_complete(problems))
        if found[-1]:
            continue
        brand = known.brand(read.brand)
        assert brand is not None
        seen = report(f"L{number}", brand.name, bool(upheld[number]), rng)
        record = records.get(f"W{who[number]}")
        views[""].append(weigh_notice(read, problems, known, seen, record))
        views["_no_record"].append(weigh_notice(read, problems, known, seen))
        views["_no_report"].append(weigh_notice(read, problems, known, None, record))
        views["_reach"].append(weigh_notice(read, problems, known, seen, record, reach=float(reach[number])))
    right = np.array(found) & np.array(wanted)
    figures = {
        "incomplete_precision": right.sum() / max(1, sum(found)),
        "incomplete_recall": right.sum() / sum(wanted),
        "upheld": float(upheld.mean()),
    }
    for name, queue in views.items():
        order = [int(view.notice_id[1:]) for view in rank_notices(queue)]
        fifth = len(order) // 5
        first_come = sorted(order)[:fifth]
        figures[f"first_fifth_ratio{name}"] = float(upheld[order[:fifth]].mean() / upheld[first_come].mean())
    return figures


@click.command("notices", help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True, help="Worlds that are drawn.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def notices(rounds: int, out: Path) -> None:
    """Measure the checks and the order of notices."""
    done = [notice_round(seed) for seed in range(rounds)]
    figures = {name: round(float(np.mean([one[name] for one in done])), 4) for name in done[0]}
    worst = {f"least_{name}": round(min(one[name] for one in done), 4)
             for name in ("incomplete_precision", "incomplete_recall", "first_fifth_ratio")}  # fmt: skip
    write_result(out, figures | worst, {"rounds": rounds, "notices": NOTICES, "notifiers": NOTIFIERS})
