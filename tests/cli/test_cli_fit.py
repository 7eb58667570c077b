"""`logoscan fit` and the verdicts that it learns from, by the command line alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from commands import BOLT, run
from fakes import photo_of
from PIL import Image
from strategies import make_report

from logoscan.index.logo_index import LogoIndex
from logoscan.reporting.jsonl import read_reports, write_reports
from logoscan.results import BrandResult, Report, Signal
from logoscan.review.journal import Journal
from logoscan.scoring.model import ScoreModel

HEADER = "listing_id,brand,verdict,source,weight,reviewer,note,x0,y0,x1,y1\n"


def scan(shop: Path, *more: object) -> Result:
    return run("scan", shop / "listings.jsonl", "--index", shop / "index", "--out", shop / "R.jsonl", "--ocr", "none",
               "--similarity-threshold", 0.9, *more)  # fmt: skip


# -- missed, import, list


def test_a_missed_mark_is_registered_and_taken_back(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(photo_of(BOLT)).save(shop / "photos" / "0.png")
    assert scan(shop).exit_code == 0
    journal = ("--journal", shop / "V.jsonl")
    noted = run("verdict", "missed", "anything", "Acme", *journal, "--note", "seen by a buyer", "--source", "notice")
    assert (noted.exit_code, noted.stdout.startswith("verdict 1, missed: no label, ")) == (0, True), noted.output
    box = ("--box", "20,10,60,50", "--reports", shop / "R.jsonl", "--index", shop / "index")
    made = run("verdict", "missed", "L0", "Bolt", *journal, *box, "--add-rendering", "--goods", "counterfeit")
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("verdict 2, missed: counterfeit, pictures added: 1")
    assert "its report names 'Bolt', so that it was not missed" in caplog.text
    assert len({logo.id for logo in LogoIndex.load(shop / "index").logos}) == 3
    assert run("verdict", "undo", 2, *journal, "--index", shop / "index").exit_code == 0
    assert len({logo.id for logo in LogoIndex.load(shop / "index").logos}) == 2
    shown = run("verdict", "list", *journal)
    assert shown.stdout.splitlines()[-1] == "1 verdicts in force"
    for word in ("anything", "missed", "notice", "seen by a buyer"):
        assert word in shown.stdout
    everything = run("verdict", "list", *journal, "--all").stdout
    assert "counterfeit, missed, undone" in everything
    assert "undo of 2" in everything
    assert [json.loads(line)["id"] for line in run("verdict", "list", *journal, "--json").stdout.splitlines()] == [1]
    assert run("verdict", "list", *journal, "--all", "--listing", "L0").stdout.splitlines()[-1] == "2 verdicts"
    assert run("verdict", "list", *journal, "--brand", "Core").stdout.splitlines()[-1] == "0 verdicts in force"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--add-rendering"], "missed: expected --index with --add-rendering, got one of them"),
        (["--index", "index"], "missed: expected --index with --add-rendering, got one of them"),
        (["--index", "index", "--add-rendering"], "missed: expected --reports and --box with --add-rendering"),
        (["--box", "1,2,3"], "box: expected x0,y0,x1,y1, got '1,2,3'"),
        (["--box", "9,2,3,4"], "box: expected x0,y0,x1,y1 in pixels, from 0"),
        (["--weight", "0"], "Invalid value for '--weight'"),
        (["--source", "rumour"], "Invalid value for '--source'"),
    ],
)
def test_missed_brands_that_are_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run("verdict", "missed", "L0", "Bolt", "--journal", tmp_path / "V.jsonl", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "V.jsonl").exists()


def test_bad_rows_are_told_by_line_and_the_rest_is_imported(shop: Path) -> None:
    assert scan(shop).exit_code == 0
    (shop / "found.csv").write_text(
        HEADER + "L0,Bolt,genuine\nL1,Acme,fake\nL1,Acme,counterfeit\nL9,Acme,genuine\nL0,Bolt,counterfeit,test_buy,9\n"
        "L2,Acme,missed\n"
    )
    arguments = ("verdict", "import", shop / "found.csv", "--journal", shop / "V.jsonl", "--reports", shop / "R.jsonl")
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == f"4 verdicts added -> {shop / 'V.jsonl'}\n"
    assert [line for line in result.stderr.splitlines() if "found.csv, line" in line and "logoscan: " in line] == [
        "logoscan: found.csv, line 3: verdict: expected counterfeit, genuine, wrong_brand or missed, got 'fake'",
        "logoscan: found.csv, line 5: listing_id: expected that of a report, got 'L9'",
        "logoscan: found.csv, line 6: listing 'L0', 'Bolt': counterfeit (test_buy) contradicts verdict 1, genuine "
        "(import); the later one counts, until it is undone",
    ]
    again = run(*arguments)
    assert (again.exit_code, again.stdout) == (1, f"0 verdicts added, 4 there already -> {shop / 'V.jsonl'}\n")
    assert len(Journal(shop / "V.jsonl")) == 4


# -- fit


def listing(number: int, value: float) -> Report:
    signals = [Signal("coded_terms", value, "why"), Signal("low_price", 0.5, "why")]
    score = ScoreModel().score("Acme", signals)
    return make_report(listing_id=f"L{number}", score=score, brands=(BrandResult("Acme", 0.4, score.value or 0.0),))


@pytest.fixture
def run_of_400(tmp_path: Path) -> Path:
    """A folder of reports of 400 listings, an eighth of them for review or blocked, and a journal's name."""
    reports = [listing(i, 0.6 + i / 1000 if i % 8 == 0 else 0.001 * (i % 50)) for i in range(400)]
    write_reports(tmp_path / "R.jsonl", reports)
    return tmp_path


def judge(folder: Path, *rows: str) -> None:
    (folder / "found.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    done = run("verdict", "import", folder / "found.csv", "--journal", folder / "V.jsonl", "--reports",
               folder / "R.jsonl")  # fmt: skip
    assert done.exit_code == 0, done.output


def fit(folder: Path, *more: object) -> Result:
    return run("fit", folder / "R.jsonl", "--verdicts", folder / "V.jsonl", "--out", folder / "model.json", *more)


def test_a_stream_without_verdicts_bounds_what_many_listings_show(run_of_400: Path) -> None:
    model = run_of_400 / "model.json"
    result = run("fit", run_of_400 / "R.jsonl", "--out", model)
    assert result.exit_code == 0, result.output
    start, made = ScoreModel(), ScoreModel.load(model)
    lowered = [name for name in start.shapes if made.shapes[name] != start.shapes[name]]
    assert "low_price" in lowered, "all 400 listings show it"
    assert f"{len(lowered)} of {len(start.shapes)} reasons are worth less here" in result.stdout
    for report in read_reports(run_of_400 / "R.jsonl"):
        parts = [Signal(c.signal, c.value, c.why) for c in report.score.contributions]
        assert (made.score("Acme", parts).value or 0.0) <= (report.score.value or 0.0)
    refused = run("fit", run_of_400 / "R.jsonl", "--out", model, "--review-share", 0.1)
    assert (refused.exit_code, "need --verdicts" in refused.stderr) == (2, True)


def test_35_verdicts_of_the_queue(run_of_400: Path, caplog: pytest.LogCaptureFixture) -> None:
    """21 counterfeits and 14 genuine, all from review: what would be cleared is said, with what to do."""
    queue = [i for i in range(400) if i % 8 == 0]
    judge(run_of_400, *(f"L{i},Acme,{'counterfeit' if n < 21 else 'genuine'}" for n, i in enumerate(queue[:35])))
    result = fit(run_of_400, "--review-share", 0.05)
    assert result.exit_code == 0, result.output
    model = ScoreModel.load(run_of_400 / "model.json")
    reports = {r.listing_id: r for r in read_reports(run_of_400 / "R.jsonl")}

    def band(number: int) -> str:
        parts = reports[f"L{number}"].score.contributions
        return model.score("Acme", [Signal(c.signal, c.value, c.why) for c in parts], shown=0.4).band

    gone = sum(band(i) == "clear" for i in queue[:21])
    assert gone
    (line,) = [r.getMessage() for r in caplog.records if "would clear" in r.getMessage()]
    assert f"fit: would clear {gone} of 21 listings labelled counterfeit" in line
    assert "or more keeps them in review" in line
    share = line.split("a review share of ")[1].split()[0]
    assert "60.0 % of the labels are counterfeit" in caplog.text
    caplog.clear()
    assert fit(run_of_400, "--review-share", share).exit_code == 0
    assert "would clear" not in caplog.text


def test_the_table_says_what_is_learnt_and_what_is_not(run_of_400: Path) -> None:
    rows = [f"L{i},Acme,{'counterfeit' if i % 8 == 0 else 'genuine'},test_buy,{1 + i % 8}" for i in range(0, 160, 4)]
    judge(run_of_400, *rows, "L1,Acme,wrong_brand", "L2,Bolt,missed", "L3,Bolt,counterfeit")
    result = fit(run_of_400)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "40 labels: 20 counterfeit, 20 genuine, by their weights"
    assert "1 verdicts give no label: the brand was missed, and nobody judged the goods" in lines
    assert "1 verdicts give no label: the report has the reasons of another brand" in lines
    table = {line.split("  ")[0]: line.split()[-6:] for line in lines if line.split()[-1].isdigit()}
    assert table["counterfeit"][:3] == ["0", "20", "0"] or sum(map(int, table["counterfeit"][:3])) == 20
    assert {name: sum(map(int, cells[3:])) for name, cells in table.items()} == {
        "counterfeit": 20, "genuine": 20, "another brand": 1, "stream": 400
    }  # fmt: skip
    assert "then: by models fitted without the verdict" in lines
    assert (
        "40 of 42 brands that verdicts say are shown were named (95.2%), 2 missed; what nobody looked for is not"
        in (result.stdout)
    )
    assert lines[-1].startswith("fitted@")
    assert lines[-1].endswith(f" of all listings to look at -> {run_of_400 / 'model.json'}")
    unweighted = Journal(run_of_400 / "V.jsonl").labels()
    assert ScoreModel.load(run_of_400 / "model.json").bias != ScoreModel().fit(*unweighted).bias, "weights count"


@pytest.mark.parametrize("verdict", ["counterfeit", "genuine"])
def test_verdicts_of_one_kind_are_refused(run_of_400: Path, verdict: str) -> None:
    judge(run_of_400, *(f"L{i},Acme,{verdict}" for i in range(20)))
    result = fit(run_of_400)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "labels: expected counterfeits and genuine ones, 10 or more of either" in result.stderr
    assert not (run_of_400 / "model.json").exists()


def test_a_queue_is_no_stream(run_of_400: Path) -> None:
    judge(run_of_400, *(f"L{i},Acme,{'counterfeit' if i % 8 == 0 else 'genuine'}" for i in range(250)))
    result = fit(run_of_400)
    assert "250 of 400 reports have a verdict: this is the queue, and no stream" in result.stderr


def test_no_verdicts_are_told(run_of_400: Path) -> None:
    (run_of_400 / "V.jsonl").touch()
    result = fit(run_of_400)
    assert result.exit_code == 2
    assert "labels: expected at least one, got none" in result.stderr


# -- all of it


def test_from_brands_to_a_fitted_score(tmp_path: Path, samples: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Register, scan, import 40 verdicts, five of them on missed brands, fit, and scan with the model."""
    rows = [json.loads(line) for line in (samples / "listings.jsonl").read_text().splitlines()]
    listings = [{**row, "id": f"{row['id']}-{i}"} for i in range(8) for row in rows]
    (tmp_path / "listings.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in listings))
    registered = run("register", samples / "brands", "--out", tmp_path / "index", "--device", "cpu")
    assert registered.exit_code == 0, registered.output
    arguments = ("scan", tmp_path / "listings.jsonl", "--index", tmp_path / "index", "--ocr", "none", "--root", samples,
                 "--prices", samples / "prices.csv", "--device", "cpu")  # fmt: skip
    scanned = run(*arguments, "--out", tmp_path / "R.jsonl")
    assert scanned.exit_code == 0, scanned.output
    named = {r.listing_id: r.score.brand for r in read_reports(tmp_path / "R.jsonl")}
    verdicts = [
        f"{kind}-{i},{named[f'{kind}-{i}']},{verdict},reviewer,1,Ann"
        for i in range(7)
        for kind, verdict in (
            ("look-alike", "counterfeit"), ("too-cheap", "counterfeit"), ("shown-not-claimed", "counterfeit"),
            ("plain", "genuine"), ("other-currency", "genuine"),
        )
    ]  # fmt: skip
    verdicts += [f"no-brand-{i},Kodak,missed,reviewer,1,Ann,small,10,10,50,50" for i in range(5)]
    assert len(verdicts) == 40
    judge(tmp_path, *verdicts)
    fitted = fit(tmp_path)
    assert fitted.exit_code == 0, fitted.output
    assert fitted.stdout.startswith("35 labels: 21 counterfeit, 14 genuine\n")
    assert "35 of 40 brands that verdicts say are shown were named (87.5%), 5 missed" in fitted.stdout
    again = run(*arguments, "--out", tmp_path / "again.jsonl", "--score-model", tmp_path / "model.json")
    assert again.exit_code == 0, again.output
    model = ScoreModel.load(tmp_path / "model.json")
    after = {r.listing_id: r.score for r in read_reports(tmp_path / "again.jsonl")}
    assert {score.model for score in after.values()} == {model.version}
    cleared = sum(after[f"{kind}-{i}"].band == "clear" for i in range(7)
                  for kind in ("look-alike", "too-cheap", "shown-not-claimed"))  # fmt: skip
    assert ("would clear" in caplog.text) == (cleared > 0)
