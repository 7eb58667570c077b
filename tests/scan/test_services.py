"""What a service needs: records as requests and answers, a warm start, a log of decisions, an index that is swapped."""

from __future__ import annotations

import copy
import json
import logging
import math
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

import pytest
from builders.scans import ACME, CORE, ENCODER, SPEAKS, make_index, make_listings, make_scanner, timeless
from fakes import FakeDetector, FakeEncoder, photo_of
from PIL import Image

from logoscan import Listing, LogoIndex, Report, Screening
from logoscan.errors import LogoscanError, MismatchError
from logoscan.io.records import from_json, to_json, to_mapping
from logoscan.merchants.score import MERCHANT_PRIOR, MerchantModel
from logoscan.scan.decision_log import DecisionRecord, log_decision
from logoscan.scoring.model import PRIOR, ScoreModel
from logoscan.types import Brand, Regions, Rgb
from logoscan.vision.extractor import STAGES

# -- requests and answers


@pytest.mark.enable_socket  # the event loop's own pair of sockets; nothing leaves the process
def test_a_listing_goes_into_a_service_and_a_screening_comes_out(tmp_path: Any) -> None:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    Image.fromarray(photo_of(ACME)).save(tmp_path / "shoe.png")
    (tmp_path.parent / "secret.png").write_bytes((tmp_path / "shoe.png").read_bytes())
    scanner = make_scanner(root=tmp_path)
    app = FastAPI()

    @app.post("/screen")
    def screen(listing: Listing) -> Screening:
        return scanner.screen(listing, deadline_s=60.0)

    @app.post("/same")
    def same(report: Report) -> Report:
        return report

    listing = Listing(
        "42", ("shoe.png",), title="Acme shoe", category="Shoes", price=9.0, currency="EUR", seller_id="b"
    )
    with TestClient(app) as client:
        answer = client.post("/screen", json=to_mapping(listing))
        assert answer.status_code == 200
        screening = Screening.from_json(answer.content)
        assert screening.report.matches[0].brand == "Acme"
        assert timeless(screening.report) == timeless(scanner.scan(listing))
        assert screening.decision == scanner.screen(listing, deadline_s=60.0).decision
        report = client.post("/same", json=to_mapping(screening.report))
        assert from_json(Report, report.content, "x") == screening.report
        outside = client.post("/screen", json={"id": "x", "images": ["../secret.png"]}).json()
        assert outside["decision"] == "hold", "a name in a request leads no further than one in a file"
        assert "secret" not in str(outside["report"]["images"][0]["sha256"])
        for body, words in (
            ({"title": "no id"}, "Field required"),
            ({"id": " "}, "Listing.id: expected a non-empty string"),
            ({"id": "x", "price": -1}, "Listing.price: expected a finite number"),
            ({"id": "x", "images": [5]}, "Listing.images[0]: expected a file's name"),
            ({"id": "x", "listed_at": "yesterday"}, "Listing.listed_at: expected an ISO 8601 date"),
        ):
            refused = client.post("/screen", json=body)
            assert refused.status_code == 422
            assert words in json.dumps(refused.json(), ensure_ascii=False)
        broken = to_mapping(screening.report) | {"schema_version": 2}
        assert "expected 3, got 2" in client.post("/same", json=broken).text
        assert {"Listing", "Screening", "Report"} <= client.get("/openapi.json").json()["components"]["schemas"].keys()


def test_pictures_themselves_have_no_json() -> None:
    assert json.loads(to_json(Listing("x", ("a.jpg",))))["images"] == ["a.jpg"]
    with pytest.raises(Exception, match="expected names of files, to be written as JSON, got ndarray"):
        to_json(Listing("x", (photo_of(ACME),)))


def test_records_hold_plain_dictionaries_whatever_they_were_built_of() -> None:
    facts = MappingProxyType({"colour": "red"})
    listing, brand = Listing("x", attributes=facts, dropped=facts), Brand("Acme", facts=facts)
    models = (ScoreModel(shapes=PRIOR), MerchantModel(coefficients=MERCHANT_PRIOR))
    answer = make_scanner().screen(listing, deadline_s=60.0)
    for record in (listing, brand, *models, answer):
        assert copy.deepcopy(asdict(record)) == asdict(record)
        assert type(record)(**{f.name: getattr(record, f.name) for f in fields(record)}) == record
        assert from_json(type(record), to_json(record), "x") == record


# -- a warm start


def test_warm_up_runs_every_stage_and_decides_nothing() -> None:
    calls: Counter[str] = Counter()
    decisions: list[DecisionRecord] = []
    scanner = make_scanner(on_stage=lambda stage, _: calls.update([stage]), on_decision=decisions.append)
    assert scanner.warm_up() > 0
    assert calls.keys() == STAGES.keys()
    assert decisions == []
    assert scanner.warm_up() > 0


def test_warm_up_loads_the_alteration_check() -> None:
    class Check:
        asked = 0

        def check(self, crop: Rgb, logo_image: Rgb) -> None:
            assert (crop.shape[2], logo_image.shape[2]) == (3, 4)
            self.asked += 1

    check = Check()
    make_scanner(alterations=check).warm_up()
    assert check.asked == 1


def test_a_model_that_breaks_is_found_by_the_warm_up() -> None:
    class Broken(FakeDetector):
        def detect(self, images: Any) -> list[Regions]:
            raise RuntimeError("out of memory")

    with pytest.raises(LogoscanError, match="warm_up: expected models that can examine a photo, got image 0: cannot"):
        make_scanner(detector=Broken()).warm_up()


# -- decisions


def test_each_decision_is_announced_once() -> None:
    records: list[DecisionRecord] = []
    scanner = make_scanner(on_decision=records.append)
    reports = list(scanner.scan_many(make_listings(), batch_size=2, workers=1))
    assert [record.listing_id for record in records] == [listing.id for listing in make_listings()]
    for record, report in zip(records, reports, strict=True):
        score = report.score
        assert (record.band, record.score, record.brand) == (score.band, score.value, score.brand)
        assert (record.decision, record.timed_out) == (None, None)
        assert record.reasons == {c.signal: c.contribution for c in score.contributions if c.contribution >= 0.01}
        assert record.seconds > 0
    assert list(map(timeless, reports)) == [timeless(r) for r in make_scanner().scan_many(make_listings())]
    records.clear()
    for deadline_s in (1e-9, math.inf):
        answer = scanner.screen(make_listings()[0], deadline_s=deadline_s)
        assert (records[-1].decision, records[-1].timed_out) == (answer.decision, answer.timed_out)
        assert records[-1].seconds == answer.total_s
    assert len(records) == 2


def test_the_log_has_one_line_of_json_without_personal_data(caplog: pytest.LogCaptureFixture) -> None:
    told = "Jane Doe, +49 170 1234567, replica"
    listing = Listing(
        "L-7", (photo_of(None, SPEAKS),), title=f"Acme {told}", description=told, seller_id="seller-of-jane",
        url="https://example.org/jane", reviews=(f"fake! {told}",), price=9.0, currency="EUR", category="Shoes",
    )  # fmt: skip
    with caplog.at_level(logging.INFO, "logoscan.decisions"):
        report = make_scanner(on_decision=log_decision).scan(listing)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "logoscan.decisions"]
    values = json.loads(line)
    assert set(values) == {
        "listing_id", "decision", "band", "score", "brand", "reasons", "seconds", "timed_out",
    }  # fmt: skip
    assert (values["listing_id"], values["band"], values["score"]) == ("L-7", report.score.band, report.score.value)
    assert "coded_terms" in values["reasons"]
    del values["seconds"]  # which may hold any digits
    said = json.dumps(values).lower()
    assert not any(word in said for word in ("jane", "170", "seller-of", "example.org", "replica", "9.0"))


def test_decisions_are_not_logged_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        make_scanner().scan(Listing("quiet"))
    assert "quiet" not in caplog.text


def test_a_log_that_fails_costs_nothing_but_a_line(caplog: pytest.LogCaptureFixture) -> None:
    def fail(record: DecisionRecord) -> None:
        raise OSError("disk full")

    scanner = make_scanner(on_decision=fail)
    assert scanner.scan(Listing("x")).score.band == "clear"
    assert scanner.screen(Listing("x"), deadline_s=60.0).decision == "allow"
    assert caplog.text.count("on_decision failed for listing 'x'") == 2


# -- a new index while it runs


def other_index() -> LogoIndex:
    """The mark of Acme is Core's here, and Bolt is unknown."""
    index = LogoIndex(ENCODER)
    index.add(Brand("Core"), [("c", ACME)])
    return index


def test_an_index_is_replaced_as_a_whole() -> None:
    index, other = make_index(), other_index()
    scanner, listing = make_scanner(index), Listing("x", (photo_of(ACME),), title="Bolt and Core")
    before = timeless(scanner.scan(listing))
    kept = index.snapshot()
    index.replace_with(other)
    assert index.fingerprint == other.fingerprint
    after = scanner.scan(listing)
    assert timeless(after) == timeless(make_scanner(other).scan(listing))
    assert timeless(make_scanner(kept).scan(listing)) == before, "a snapshot keeps what it had"
    index.remove("Core")
    assert [brand.name for brand in other.brands] == ["Core"], "later changes are the index's own"


def test_an_index_of_another_encoder_is_refused() -> None:
    index = make_index()
    before = index.fingerprint
    with pytest.raises(MismatchError, match="register the logos again"):
        index.replace_with(LogoIndex(FakeEncoder(weights="e" * 64)))
    assert index.fingerprint == before


def test_an_index_that_was_registered_anew_is_loaded_and_saved(tmp_path: Any) -> None:
    make_index().save(tmp_path / "index")
    index = LogoIndex.load(tmp_path / "index", ENCODER)
    newer = LogoIndex.load(tmp_path / "index", ENCODER)
    newer.add(Brand("Core"), [("c", CORE)])
    newer.save(tmp_path / "index")
    with pytest.raises(MismatchError):
        index.save(tmp_path / "index")
    index.replace_with(LogoIndex.load(tmp_path / "index", ENCODER))
    assert [brand.name for brand in index.brands] == ["Acme", "Bolt", "Core"]
    index.remove("Core")
    index.save(tmp_path / "index")
    assert len(LogoIndex.load(tmp_path / "index", ENCODER).brands) == 2


def test_requests_see_the_old_or_the_new_index_and_never_a_mixture() -> None:
    versions = [make_index(), other_index()]
    shown = {versions[0].fingerprint: {"Acme", "Bolt"}, versions[1].fingerprint: {"Core"}}
    index = versions[0].snapshot()
    scanner = make_scanner(index)
    listing = Listing("x", (photo_of(ACME), photo_of(None, SPEAKS)), title="Bolt and Core and Acme")
    named = {versions[0].fingerprint: {"Acme", "Bolt"}, versions[1].fingerprint: {"Core"}}
    done = threading.Event()

    def swap() -> int:
        swaps = 0
        while not done.is_set():
            swaps += 1
            index.replace_with(versions[swaps % 2])
        return swaps

    def request(number: int) -> Report:
        return scanner.screen(listing, deadline_s=60.0).report if number % 2 else scanner.scan(listing)

    with ThreadPoolExecutor(5) as pool:
        swapping = pool.submit(swap)
        reports = list(pool.map(request, range(60)))
        done.set()
        assert swapping.result() > 1
    for report in reports:
        version = report.provenance.index
        assert {match.brand for match in report.matches} <= shown[version]
        assert {mention.brand for mention in report.mentions} == named[version]
        assert {brand.brand for brand in report.brands} == named[version]


def test_stages_are_named_as_documented() -> None:
    calls: Counter[str] = Counter()
    scanner = make_scanner(on_stage=lambda stage, _: calls.update([stage]))
    list(scanner.scan_many(make_listings()))
    assert calls.keys() == STAGES.keys()
    assert all(what and what[0].islower() for what in STAGES.values())
