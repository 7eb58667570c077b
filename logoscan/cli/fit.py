"""`logoscan fit`: fit a score model to verdicts, with bands for the stream, and show what these do to the verdicts.

Without verdicts, bound the model by the stream alone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click
from rich.table import Table

from logoscan.cli.app import examples, main
from logoscan.cli.console import cells, complain, progress, say, show, table, working
from logoscan.cli.options import MODE
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report
from logoscan.scoring.fit_bands import band_by
from logoscan.scoring.fit_frequencies import bounded_by_stream
from logoscan.scoring.fit_to_stream import StreamFit, fit_to_stream
from logoscan.scoring.model import ScoreModel
from logoscan.types import Band

if TYPE_CHECKING:
    from logoscan.review.labels import Labels

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_BANDS: Sequence[Band] = ("clear", "review", "block")
# Reports of the stream that bands are counted on, drawn at random: a share of 2 % is then known within 0.1 %.
_STREAM_ROWS = 20_000
# Share of reports with a verdict from which they are the queue, and not the stream.
_MOST_JUDGED = 0.5
# Share of reports that are not clear from which they are the queue, where there are no verdicts.
_MOST_HELD = 0.2


@main.command(
    short_help="Fit the score to your verdicts.",
    epilog=examples(
        "logoscan fit reports.jsonl --verdicts verdicts.jsonl --out model.json",
        "logoscan fit reports.jsonl --out model.json",
        "logoscan scan listings.jsonl --index index/ --out again.jsonl --score-model model.json",
    ),
)
@click.argument("reports", type=_FILE, nargs=-1, required=True)
@click.option("--verdicts", type=_FILE, help="Journal, as `verdict` wrote it; without it the stream alone teaches.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The score model, JSON, for `scan`.")
@click.option("--prior", type=_FILE, help="Score model to start from; default: the stated priors.")
@click.option(
    "--review-share",
    type=float,
    help="Share of all listings that people can look at; default: as many as now.",
)
@click.option("--block-precision", type=float, help="Share of counterfeits that `block` must reach on the verdicts.")
@click.option("--seed", default=0, show_default=True, help="Draws 20,000 reports, where there are more.")
@MODE
def fit(
    reports: tuple[Path, ...],
    verdicts: Path | None,
    out: Path,
    prior: Path | None,
    review_share: float | None,
    block_precision: float | None,
    seed: int,
) -> None:
    """Fit the weights of the score's reasons to the verdicts, and its bands to the stream.

    REPORTS are those of all listings, as `scan` wrote them, judged or not: they say how many listings people would
    have to look at. A verdict counts with its weight, such as one over the chance that a test buy was drawn. It
    teaches where it says counterfeit or genuine, and a report has the brand's score; a brand that is wrong or was
    missed is no label. Both kinds are needed, ten of either or more.

    Without `--verdicts` the reports alone teach: what many listings show is worth less (`bounded_by_stream`). No score
    rises then, and the bands stay.

    The table shows in which band the verdicts' listings and the stream are now, and would be. "Then" is by models that
    were fitted without the verdict in question, where that is possible.
    """
    from logoscan.review.journal import Journal
    from logoscan.review.labels import labels_of

    start = ScoreModel() if prior is None else ScoreModel.load(prior)
    if verdicts is None:
        if review_share is not None or block_precision is not None:
            raise click.UsageError("--review-share and --block-precision need --verdicts, got none")
        _fit_without_verdicts(reports, start, out, seed)
        return
    standing = Journal(verdicts).not_undone()
    sample = _Sample(seed, {v.listing_id for v in standing})
    with progress("fit", "reports", lambda: sum(map(_line_count, reports))) as advance:
        labels = labels_of(standing, sample.draw(_read(reports, advance)))
    if sample.judged > _MOST_JUDGED * sample.count:
        complain(
            f"{sample.judged} of {sample.count} reports have a verdict: this is the queue, and no stream; give the "
            "reports of all listings, of which the review share is one"
        )
    with working("fitting"):
        fitted = fit_to_stream(
            labels.reports,
            labels.counterfeit,
            sample.rows,
            prior=start,
            weights=None if len(set(labels.weights)) < 2 else labels.weights,
            review_share=review_share,
            block_precision=block_precision,
        )
    fitted.model.save(out)
    _show(fitted, labels, sample)
    model = fitted.model
    say(
        f"{model.version}: review from {model.review_from:.1f}, block from {model.block_from:.1f}, "
        f"{fitted.review_share:.2%} of all listings to look at -> {out}"
    )


def _fit_without_verdicts(reports: Sequence[Path], start: ScoreModel, out: Path, seed: int) -> None:
    """Bound the signals of a model by their frequency in the stream, save it, and show what that does to the bands."""
    sample = _Sample(seed, set())
    with progress("fit", "reports", lambda: sum(map(_line_count, reports))) as advance:
        deque(sample.draw(_read(reports, advance)), maxlen=0)
    held = sum(report.score.band != "clear" for report in sample.rows)
    if held > _MOST_HELD * len(sample.rows):
        complain(
            f"{held} of {len(sample.rows)} reports are for review or blocked: this is the queue, and no stream; give "
            "the reports of all listings, or what many of these show is taken for harmless"
        )
    model = bounded_by_stream(start, sample.rows)
    model.save(out)
    shown = table("listings", *(f"{band} {when}" for when in ("now", "then") for band in _BANDS),
                  right=[f"{band} {when}" for when in ("now", "then") for band in _BANDS])  # fmt: skip
    now = Counter(report.score.band for report in sample.rows)
    _add(shown, "stream", now, Counter(band_by(model, report) for report in sample.rows))
    show(shown)
    lowered = sorted(name for name, shape in start.shapes.items() if model.shapes[name] != shape)
    say(f"{model.version}: {len(lowered)} of {len(start.shapes)} reasons are worth less here "
        f"({', '.join(lowered) or 'none'}) -> {out}")  # fmt: skip


class _Sample:
    """Reports of a stream, drawn alike from all (reservoir sampling; Vitter, 1985).

    Attributes:
        rows: The reports that were drawn.
        count: Number of reports that were read.
        judged: Number of those that have a verdict.
    """

    def __init__(self, seed: int, judged_ids: set[str]) -> None:
        self.rows: list[Report] = []
        self.count = self.judged = 0
        self._random = Random(seed)
        self._judged_ids = judged_ids

    def draw(self, reports: Iterable[Report]) -> Iterator[Report]:
        """Yield the reports, and keep some."""
        for report in reports:
            self.count += 1
            self.judged += report.listing_id in self._judged_ids
            if len(self.rows) < _STREAM_ROWS:
                self.rows.append(report)
            elif (place := self._random.randrange(self.count)) < _STREAM_ROWS:
                self.rows[place] = report
            yield report


def _read(paths: Iterable[Path], advance: object) -> Iterator[Report]:
    for path in paths:
        for report in read_reports(path):
            advance()  # type: ignore[operator]
            yield report


def _line_count(path: Path) -> int:
    """Return the number of lines that are not blank."""
    with path.open("rb") as lines:
        return sum(bool(line.strip()) for line in lines)


def _show(fitted: StreamFit, labels: Labels, sample: _Sample) -> None:
    """Print what was learnt, what was not, and the table of bands."""
    bad = sum(labels.counterfeit)
    weighted = "" if len(set(labels.weights)) < 2 else ", by their weights"
    show(f"{len(labels.counterfeit)} labels: {bad} counterfeit, {len(labels.counterfeit) - bad} genuine{weighted}")
    for why, count in labels.left_out.items():
        show(f"{count} verdicts give no label: {why}")
    out = table("listings", *(f"{band} {when}" for when in ("now", "then") for band in _BANDS),
                right=[f"{band} {when}" for when in ("now", "then") for band in _BANDS])  # fmt: skip
    then = fitted.then if fitted.held_out is None else fitted.held_out
    for name, kind in (("counterfeit", True), ("genuine", False)):
        rows = [i for i, label in enumerate(labels.counterfeit) if label is kind]
        _add(out, name, Counter(fitted.now[i] for i in rows), Counter(then[i] for i in rows))
    if labels.wrong:
        now = Counter((r.score if isinstance(r, Report) else r).band for r in labels.wrong)
        _add(out, "another brand", now, Counter(band_by(fitted.model, report) for report in labels.wrong))
    _add(out, "stream", fitted.stream_now, fitted.stream_then)
    show(out)
    held = (
        "then: by models fitted without the verdict"
        if fitted.held_out is not None
        else "then: by the model that was fitted to these very verdicts; too few to leave any out"
    )
    show(held + ("" if len(sample.rows) == sample.count else f"; {len(sample.rows)} of {sample.count} reports drawn"))
    if total := labels.named + labels.missed:
        show(
            f"{labels.named} of {total} brands that verdicts say are shown were named ({labels.named / total:.1%}), "
            f"{labels.missed} missed; what nobody looked for is not counted"
        )


def _add(out: Table, name: str, now: Mapping[Band, int], then: Mapping[Band, int]) -> None:
    out.add_row(*cells([name, *(bands.get(band, 0) for bands in (now, then) for band in _BANDS)]))
