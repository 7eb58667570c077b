"""`logoscan calibrate`: fit a match calibration for an encoder and a detector, to labelled photos or to verdicts."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, complain, progress, say, working
from logoscan.cli.options import DETECTOR, DEVICE, ENCODER, INDEX, MODE, PRETRAINED, DetectorChoice
from logoscan.errors import InputError, LogoscanError
from logoscan.io.listings import BadRow, read_labels, read_listings
from logoscan.io.records import read_record, write_record
from logoscan.matching.recalibrate import WRONG_SHARE, least_matches
from logoscan.odds import log_odds, sigmoid

if TYPE_CHECKING:
    from logoscan.index.logo_index import LogoIndex
    from logoscan.vision.detector import Detector
    from logoscan.vision.encoder import Encoder

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@main.command(
    short_help="Fit probabilities to labelled photos or verdicts.",
    epilog=examples(
        "logoscan calibrate --verdicts verdicts.jsonl --listings listings.jsonl --index index/ --out own.json",
        "logoscan calibrate photos/ --labels labels.csv --index index/ --out calibration.json --encoder clip/",
        "logoscan scan listings.jsonl --index index/ --out reports.jsonl --calibration calibration.json "
        "--encoder clip/",
    ),
)
@click.argument("images", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--labels", type=_FILE, help="CSV: file,brand; | between several brands, nothing for none.")
@click.option("--verdicts", type=_FILE, help="Journal, as `verdict` wrote it; in place of IMAGES and --labels.")
@click.option(
    "--listings",
    type=click.Path(exists=True, path_type=Path),
    help="With --verdicts: the listings that were judged, as for `scan`.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="With --verdicts: folder of the photos; default: where LISTINGS is.",
)
@click.option(
    "--calibration",
    type=_FILE,
    help="With --verdicts: where to start from, as `calibrate` wrote it; default: the bundled one.",
)
@click.option(
    "--wrong-share",
    type=float,
    default=WRONG_SHARE,
    show_default=True,
    help="With --verdicts: share of named listings that may show something else.",
)
@INDEX
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The calibration, JSON, for `scan`.")
@click.option("--seed", default=0, show_default=True, help="With --labels: of the random parts of the index.")
@ENCODER
@PRETRAINED
@DETECTOR
@DEVICE
@MODE
def calibrate(
    images: Path | None,
    labels: Path | None,
    verdicts: Path | None,
    listings: Path | None,
    root: Path | None,
    calibration: Path | None,
    wrong_share: float,
    index_dir: Path,
    out: Path,
    seed: int,
    encoder: str | None,
    pretrained: str | None,
    detector: DetectorChoice,
    device: str,
) -> None:
    """Fit similarity to probability for an encoder and a detector, to labelled photos or to reviewers' verdicts.

    IMAGES with --labels fits everything, for a pair that brings no calibration. LABELS is a CSV with the columns file
    (in IMAGES) and brand (| between several, empty for none). A hundred photos or more, a third of them without any
    registered brand, give something to fit; the more the better.

    --verdicts with --listings fits the threshold from which a brand is named, so that, at 90 % confidence, no more
    than --wrong-share of the named listings show something else. From 30 right and 30 wrong ones on the probabilities
    are shifted too; a score uses these, and does not cut at the threshold. A verdict counts where the listing's own
    words do not name the brand and its photos are matched with it; 86 are needed, all of them right, for 0.05, and 42
    for 0.1. Verdicts exist for listings that were named: they say little about what was missed, and nothing about
    photos without a brand.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.vision.detector import make_detector
    from logoscan.vision.encoder import ClipEncoder

    by_labels = images is not None and labels is not None
    by_verdicts = verdicts is not None and listings is not None
    of_labels, of_verdicts = (images, labels), (verdicts, listings, root, calibration)
    if by_labels == by_verdicts or any(value is not None for value in (of_verdicts if by_labels else of_labels)):
        raise InputError(
            "calibrate: expected IMAGES with --labels, or --verdicts with --listings (--root, --calibration), "
            "got neither or a mixture"
        )
    least_matches(wrong_share)  # a share out of range is reported before the models are loaded
    rows = [] if labels is None else read_labels(labels)
    with working("loading the models"):
        clip = ClipEncoder(encoder, pretrained, device=device)
        region_detector = make_detector(detector, device=device)
        task = _Task(out, LogoIndex.load(index_dir, clip), clip, region_detector)
    if images is not None and labels is not None:
        failed = task.fit_labels(images, labels, rows, seed)
    elif verdicts is not None and listings is not None:
        failed = task.fit_verdicts(verdicts, listings, root, calibration, wrong_share)
    if failed:
        complain(f"{failed} rows failed, see above" if by_labels else f"{failed} rows or photos failed, see above")
        sys.exit(1)


@dataclass(frozen=True)
class _Task:
    """One fit, to a file.

    Attributes:
        out: Path of the calibration.
        index: The index.
        encoder: The encoder that the calibration is for.
        detector: The detector that the calibration is for.
    """

    out: Path
    index: LogoIndex
    encoder: Encoder
    detector: Detector

    def fit_labels(self, images: Path, labels: Path, rows: list[tuple[str, frozenset[str]]], seed: int) -> int:
        """Fit all coefficients to labelled photos, and return how many rows failed."""
        from logoscan.matching.calibrate import LabelledPhoto, collect, expected_calibration_error, fit, predict
        from logoscan.vision.extractor import FeatureExtractor

        extractor = FeatureExtractor(self.encoder, self.detector, None, None, root=images)
        photos, failed = [], 0
        unknown_names: set[str] = set()
        with progress("calibrate", "photos", len(rows)) as advance:
            for file, brands in rows:
                advance()
                try:
                    features = extractor.extract_unread(file)
                except LogoscanError as error:
                    failed += 1
                    complain(f"{file}: {error}")
                    continue
                resolved = {name: self.index.names.resolve(name) for name in brands}
                unknown_names |= {name for name, brand in resolved.items() if brand is None}
                registered = frozenset(brand for brand in resolved.values() if brand)
                photos.append(LabelledPhoto(registered, features.regions, features.vectors))
        if unknown_names:
            complain(f"labels of no registered brand count as no mark: {', '.join(sorted(unknown_names))}")
        with working("fitting"):
            samples = collect(photos, self.index, seed)
            note = f"{len(photos)} labelled photos of {labels.name}, {len(self.index.with_logo)} brands, seed {seed}"
            calibration = fit(samples, self.encoder, self.detector, note)
        write_record(self.out, calibration)
        ece = expected_calibration_error(predict(calibration, samples), samples.right)
        say(f"{note}: threshold {calibration.threshold}, calibration error {ece:.3f} on the same photos -> {self.out}")
        return failed

    def fit_verdicts(
        self, verdicts: Path, listings: Path, root: Path | None, calibration: Path | None, wrong_share: float
    ) -> int:
        """Fit threshold and intercept to verdicts, and return how many rows and photos failed."""
        from logoscan.matching.calibration import MatchCalibration, fitting_calibration
        from logoscan.matching.recalibrate import LEAST_OF_EACH, recalibrate
        from logoscan.review.journal import Journal
        from logoscan.scan.judged_listings import match_judged_listings
        from logoscan.scan.scanner import Scanner

        start = fitting_calibration(
            "auto" if calibration is None else read_record(MatchCalibration, calibration),
            self.encoder.info,
            self.detector,
            "logo",
        )
        if start is None:
            raise InputError(
                "calibration: none is bundled for this encoder and detector; fit one to labelled photos first "
                "(IMAGES with --labels), and start from it (--calibration)"
            )
        scanner = Scanner(
            self.index, encoder=self.encoder, detector=self.detector, keypoints=None, calibration=start,
            name_calibration=None, root=root,
        )  # fmt: skip
        journal, bad_rows = Journal(verdicts), 0
        with Complaints() as complaints:

            def on_bad_row(row: BadRow) -> None:
                nonlocal bad_rows
                bad_rows += row.rows
                complaints(f"line {row.line}: {row.reason}")

            with progress("calibrate", "listings", len({v.listing_id for v in journal.standing()})) as advance:
                rows = read_listings(listings, on_error=on_bad_row)
                judged = match_judged_listings(scanner, journal, rows, advance)
            for listing, reason in judged.unreadable:
                complaints(f"listing {listing!r}: photo not looked at: {reason}")
        for why, count in judged.left_out.items():
            complain(f"verdicts left out: {count}, because {why}")
        right = int(judged.matches.right.sum())
        wrong = len(judged.matches) - right
        note = f"{len(judged.matches)} verdicts of {verdicts.name}, {wrong} of them wrong names"
        fitted = recalibrate(start, judged.matches, note, wrong_share)
        write_record(self.out, fitted)
        shift = fitted.intercept - start.intercept
        what = (
            f"log-odds {shift:+.2f}"
            if shift
            else f"probabilities as before, for want of {LEAST_OF_EACH} right and {LEAST_OF_EACH} wrong names"
        )
        say(f"{note}: threshold {fitted.threshold:.3f} (before: {start.threshold}), {what} -> {self.out}")
        if len(judged.missed):
            shown = [*judged.matches.probability[judged.matches.right], *judged.missed]
            before_shift = sigmoid(log_odds(fitted.threshold) - shift) - 1e-9
            named = sum(probability >= before_shift for probability in shown)
            say(
                f"it names {named} of {len(shown)} listings that show their brand, {len(judged.missed)} of them noted "
                "as missed; what nobody looked for is not counted"
            )
        return bad_rows + len(judged.unreadable)
