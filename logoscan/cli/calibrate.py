"""`logoscan calibrate`: fit a match calibration for an encoder and a detector on labelled photos."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import complain, progress, say, working
from logoscan.cli.options import DETECTOR, DEVICE, ENCODER, INDEX, MODE, PRETRAINED, DetectorChoice
from logoscan.errors import LogoscanError
from logoscan.io.listings import read_labels
from logoscan.io.records import write_record


@main.command(
    short_help="Fit probabilities for another encoder or detector.",
    epilog=examples(
        "logoscan calibrate photos/ --labels labels.csv --index index/ --out calibration.json --encoder clip/",
        "logoscan scan listings.jsonl --index index/ --out reports.jsonl --calibration calibration.json "
        "--encoder clip/",
    ),
)
@click.argument("images", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="CSV: file,brand; | between several brands, nothing for none.",
)
@INDEX
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The calibration, JSON, for `scan`.")
@click.option("--seed", default=0, show_default=True, help="Of the random parts of the index.")
@ENCODER
@PRETRAINED
@DETECTOR
@DEVICE
@MODE
def calibrate(
    images: Path,
    labels: Path,
    index_dir: Path,
    out: Path,
    seed: int,
    encoder: str | None,
    pretrained: str | None,
    detector: DetectorChoice,
    device: str,
) -> None:
    """Fit similarity to probability on labelled photos, for an encoder and a detector that bring no calibration.

    LABELS is a CSV with the columns file (in IMAGES) and brand (| between several, empty for none). A hundred photos
    or more, a third of them without any registered brand, give something to fit; the more the better.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.matching.calibrate import LabelledPhoto, collect, expected_calibration_error, fit, predict
    from logoscan.vision.detector import make_detector
    from logoscan.vision.encoder import ClipEncoder
    from logoscan.vision.extractor import FeatureExtractor

    rows = read_labels(labels)
    with working("loading the models"):
        clip = ClipEncoder(encoder, pretrained, device=device)
        region_detector = make_detector(detector, device=device)
        extractor = FeatureExtractor(clip, region_detector, None, None, root=images)
        index = LogoIndex.load(index_dir, clip)
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
            resolved = {name: index.names.resolve(name) for name in brands}
            unknown_names |= {name for name, brand in resolved.items() if brand is None}
            registered = frozenset(brand for brand in resolved.values() if brand)
            photos.append(LabelledPhoto(registered, features.regions, features.vectors))
    if unknown_names:
        complain(f"labels of no registered brand count as no mark: {', '.join(sorted(unknown_names))}")
    with working("fitting"):
        samples = collect(photos, index, seed)
        note = f"{len(photos)} labelled photos of {labels.name}, {len(index.with_logo)} brands, seed {seed}"
        calibration = fit(samples, clip, region_detector, note)
    write_record(out, calibration)
    ece = expected_calibration_error(predict(calibration, samples), samples.right)
    say(f"{note}: threshold {calibration.threshold}, calibration error {ece:.3f} on the same photos -> {out}")
    if failed:
        complain(f"{failed} rows failed, see above")
        sys.exit(1)
