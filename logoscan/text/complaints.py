"""Reviews that say the goods are counterfeit, with their words, and how much they weigh among all reviews.

Knows words of all languages of `languages`, and their neighbours; knows no brands, prices or scores, and not who wrote
a review. The words are data: `_data/complaint_terms.csv` has words for fakes, which count where they are not denied,
words for the genuine, which count where they are denied, and the words before which they mean something else ("fake
leather").
"""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice

from logoscan.errors import InputError
from logoscan.text.folding import fold, shown
from logoscan.text.languages import FIRST_UNSPACED, alternatives, words_of
from logoscan.text.letters import bare

__all__ = ["NO_REVIEWS", "Complaint", "Complaints", "complaint_value", "find_complaints"]

# Characters of one review that are read; in longer reviews the claim stands early.
_MAX_CHARS = 5000
_MAX_REVIEWS = 10_000
# Characters of all reviews of a listing together, so that hostile ones take 2 s at most.
_MAX_TOTAL = 500_000
# Sentences of one review that are judged: "not a fake?" four hundred times takes as long as four hundred reviews.
_MAX_SENTENCES = 60
# Longest quote, in characters.
_MAX_QUOTE = 80
# Share of its strength that a claim keeps if it is feared, heard or taken back, and if it is asked. These numbers and
# the next are stated, not fitted.
_DOUBTED = 0.5
_ASKED = 0.3
# Reviews without complaint that every listing is given, so that one angry buyer among few does not decide.
_PRIOR_REVIEWS = 6.0
# With this scale and steepness 1 of 500 gives 0.00, 1 of 3 gives 0.47, 1 of 1 gives 0.61 and 5 of 10 gives 0.95: for
# honest goods a few in a hundred buyers suspect a fake, and where a tenth does it is no longer chance (50 of 500:
# 0.41).
_SCALE = 0.15
_STEEPNESS = 1.5

# The patterns are applied to text without case and accents. Words that may stand between a denial and what it denies,
# beside those of the table; behind other words ("not worth it fake") the denial concerns those.
_BETWEEN = (
    "at all|as|100%?|cheap|really|even|looks?|like|seems?|feels?|appears?|to|think|believe|sell|sold|selling|actually"
    "|obviously|definitely|completely|fully|in|or|had|have|got|get|receive|received|bought|nach|oder|ou|so|wie|fue|sono"
    "|sa|na|wyglada|похоже|product|producto|produto|produit|prodotto|sembra|sembrano|parecen?|semble|semblent|tres"
    "|totally"
)
_NOT = r"no|nothing|hardly|far from|cannot|\w+n['’]?t"
# Words of denial that deny nothing about the goods.
_NO_DENIAL = re.compile(
    r"\b(?:no|without) (?:doubt|question)\b|\bnot only\b|\bnicht nur\b|\bno solo\b|\bnon solo\b|\bno wonder\b"
    r"|\b(?:do not|don['’]?t|never|dont) (?:buy|order|purchase|trust|get)(?: from)?\b"
)
_ASKING_CJK = re.compile("(?:是不是|是否|会不会是|是否是)$")
_DENIED_AFTER = r" (?:ist|war|sind) (?:das|es|sie) nicht\b"
_DENIED_AFTER_CJK = r"[\s\w]{0,3}(?:degil|では(?:な|あり)|じゃ(?:な|あり)|でな|とは思え|아니|아님|아닙)"
_HEDGE_AFTER = re.compile("^[かで]?(?:はない)?か?(?:と|も)(?:心配|思|しれ)")
_UNREAL = re.compile(r"\bif (?:it|they|this|these) (?:was|were|is|are) (?:an? )?$")
_HEARSAY = re.compile(
    r"\b(?:reviews?|people|others?|some|heard|read|everyone) (?:\w+ )?(?:say|says|said|saying|claim\w*|that|about)\b"
)
# Words before fakes that are other people's goods: "so many fake ones out there".
_OTHERS = re.compile(
    r"\b(?:unlike|than|versus|vs|many|lots of|beware of|full of|flood of|compared (?:to|with)|spot|identify)\s"
    r"(?:\w+\s){0,3}$"
)
_ELSEWHERE = re.compile(
    r"\b(?:another|other|different) (?:shop|seller|store|site|place)|\belsewhere\b|\bmy (?:last|previous|old)\b"
)
# These may be no original without the goods being fake.
_PARTS = re.compile(r"\b(?:colou?rs?|box|packaging|price|farbe|verpackung|couleur|caja|scatola|opakowanie|упаковка)\b")
_SAID = re.compile(
    r"\b(?:claim\w*|say|says|said|advertis\w*|suppos\w*|stat(?:es?|ed)|promis\w*|sold as|listed as|should be)\b"
)
_AFFIRMED = re.compile(
    r"(?:\b(?:is|are|was|were|its|it['’]s|100 ?%?|definitely|totally|ist|sind|est|sont|es|son|e|jest|это)|是)\W{0,3}$"
)
# What ends a sentence, in Arabic, Hindi, Khmer and Burmese too.
_ENDS = ".!?。！？؟।។။\n"
_SENTENCE = re.compile(f"[^{_ENDS}]+[{_ENDS}]*")
_CLAUSE = re.compile(
    r"[,;:()，、；：—–\"“”]| - |\b(?:but|because|however|aber|mais|pero|porque|perche|maar|ale|но|ama|just)\b|但"
)
# Characters on either side of a claim that are read for denials, doubts and relief.
_CONTEXT = 300
# Hits in one sentence that are judged: the first ones already say it.
_MAX_HITS = 20


@dataclass(frozen=True)
class Complaint:
    """A review that says the goods are counterfeit.

    Attributes:
        review: Position of the review among the reviews.
        quote: Words of the review, at most 80 characters.
        strength: How plainly it says so, in (0, 1].
    """

    review: int
    quote: str
    strength: float

    def __post_init__(self) -> None:
        if not 0.0 < self.strength <= 1.0:
            raise InputError(f"Complaint.strength: expected a number in (0, 1], got {self.strength!r}")
        if self.review < 0 or len(self.quote) > _MAX_QUOTE:
            raise InputError(f"Complaint: expected 0 or more, a short quote, got {self.review}, {len(self.quote)}")


@dataclass(frozen=True)
class Complaints:
    """What the reviews of one listing say.

    Attributes:
        reviews: Number of reviews that say anything, each text once.
        found: Reviews that claim a counterfeit, in their order.
    """

    reviews: int
    found: tuple[Complaint, ...]

    @property
    def value(self) -> float | None:
        """How much the complaints weigh among the reviews, in [0, 1]; None without reviews."""
        return complaint_value(math.fsum(c.strength for c in self.found), self.reviews) if self.reviews else None


NO_REVIEWS = Complaints(0, ())
"""The result where there are no reviews."""


def find_complaints(reviews: Sequence[str]) -> Complaints:
    """Return the reviews that claim a counterfeit.

    A text that comes again counts once, a text without letters counts nothing.
    """
    distinct: set[str] = set()
    complaints = []
    left = _MAX_TOTAL
    for i, review in enumerate(reviews[:_MAX_REVIEWS]):
        left -= min(len(review), _MAX_CHARS)
        if left < 0:
            break
        text = shown(review[:_MAX_CHARS])
        key = fold(text)
        if key and key not in distinct:
            distinct.add(key)
            claim = _claim(unicodedata.normalize("NFC", text))
            if claim:
                complaints.append(Complaint(i, *claim))
    return Complaints(len(distinct), tuple(complaints))


def complaint_value(complaints: float, reviews: int) -> float:
    """Return how much complaints weigh among reviews, in [0, 1]: it rises with complaints, falls with reviews.

    Args:
        complaints: Number of complaints, or the sum of their strengths.
        reviews: Number of all reviews, complaints included.
    """
    if reviews < 0 or not 0.0 <= complaints <= reviews:
        raise InputError(f"complaint_value: expected 0 <= complaints <= reviews, got {complaints!r} of {reviews!r}")
    share = complaints / (reviews + _PRIOR_REVIEWS)
    return 1.0 - math.exp(-((share / _SCALE) ** _STEEPNESS))


@dataclass(frozen=True)
class _Term:
    pattern: re.Pattern[str]
    genuine: bool
    strength: float
    honest_after: frozenset[str]


@cache
def _terms() -> tuple[_Term, ...]:
    table = files("logoscan").joinpath("_data", "complaint_terms.csv").read_text("utf-8")
    out = []
    for row in csv.DictReader(table.splitlines()):
        term = "".join(map(_letter, row["term"]))
        apart = term[0] < FIRST_UNSPACED
        body = term.removesuffix("$").replace("*", r"\w*").replace("-", r"[\s-]?").replace(" ", r"\s+")
        body += r"(?=\s*(?:[.,;!]|$))" if term.endswith("$") else ""  # at the end of its clause
        pattern = re.compile(rf"(?<!\w){body}(?!\w)" if apart else body)
        out.append(
            _Term(pattern, row["kind"] == "genuine", float(row["strength"]), frozenset(row["honest_after"].split()))
        )
    return tuple(out)


@cache
def _any_term() -> re.Pattern[str]:
    patterns = [t.pattern.pattern for t in _terms()]
    edge = r"(?<!\w)"
    apart, joined = ([p for p in patterns if p.startswith(edge) == yes] for yes in (True, False))
    within = "|".join(p.removeprefix(edge) for p in apart)
    return re.compile(rf"{edge}(?:{within})|{'|'.join(joined)}")


_letter = lru_cache(maxsize=20_000)(bare)


def _claim(review: str) -> tuple[str, float] | None:
    """Return the plainest claim of a review, as its quote and strength; None without a claim."""
    letters = [_letter(c) for c in review]
    read = "".join(letters)
    if not _any_term().search(read):
        return None
    origin = [i for i, new in enumerate(letters) for _ in new]
    best: tuple[float, int, int] | None = None
    for sentence in islice(_SENTENCE.finditer(read), _MAX_SENTENCES):
        for start, end, strength in _claims(read, sentence):
            if best is None or strength > best[0]:
                best = strength, origin[start], origin[end - 1] + 1
    return (_quote(review, best[1], best[2]), best[0]) if best else None


def _claims(read: str, sentence: re.Match[str]) -> Iterator[tuple[int, int, float]]:
    """Yield the places in a sentence that claim a counterfeit, as (start, end, strength)."""
    share = _ASKED if re.search("[?？؟]", sentence[0]) else 1.0
    hits = [(match, term) for term in _terms() for match in term.pattern.finditer(read, *sentence.span())]
    hits.sort(key=lambda hit: hit[0].start())
    honest = {m.start() for m, term in hits if _is_honest(read[m.end() : m.end() + _CONTEXT], term.honest_after)}
    for match, term in hits[:_MAX_HITS]:
        before = _NO_DENIAL.sub(" ", read[max(sentence.start(), match.start() - _CONTEXT) : match.start()])
        after = read[match.end() : match.end() + _CONTEXT]
        clause = _CLAUSE.split(before)[-1]
        rest = _CLAUSE.split(after)[0]
        others = _OTHERS.search(clause) or _UNREAL.search(clause) or _ELSEWHERE.search(f"{clause} {rest}")
        if match.start() in honest or others or _ASKING_CJK.search(clause) or (term.genuine and _PARTS.search(clause)):
            continue
        if _is_denied(clause, after[: sentence.end() - match.end()]) != term.genuine:
            continue
        hedged = bool(_hedge().search(before) or _HEDGE_AFTER.search(after))
        relieved = not term.genuine and _is_relieved(after)
        if not (hedged and relieved):
            doubted = hedged or relieved or _HEARSAY.search(before)
            yield match.start(), match.end(), term.strength * share * (_DOUBTED if doubted else 1.0)


def _is_honest(after: str, words: frozenset[str]) -> bool:
    behind = re.match(r"[\s\-]*(\w+)", after)
    return bool(behind and any(behind[1] == w or (not w.isascii() and behind[1].startswith(w)) for w in words))


def _is_denied(before: str, after: str) -> bool:
    denied_before, denied_after = _denials()
    return bool(denied_before.search(before) or denied_after.match(after))


@cache
def _hedge() -> re.Pattern[str]:
    words = alternatives(words_of("hedges"))
    return re.compile(rf"(?<!\w)(?:{words.spaced})(?!\w)|{words.joined}")


@cache
def _denials() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of what denies in any language: words before what they deny, and words behind it."""
    words, between = (alternatives(words_of(name)) for name in ("not_before", "not_fillers"))
    after = alternatives(words_of("not_after"))
    return re.compile(
        rf"(?<!\w)(?:{_NOT}|{words.spaced})[\s\-]+(?:(?:{_BETWEEN}|{between.spaced})\s+|[ld]['’])*$"
        rf"|(?:{words.joined}|未见|没|拒绝|杜绝)(?:{between.joined})?\s*$"
    ), re.compile(
        rf"{_DENIED_AFTER}|{_DENIED_AFTER_CJK}|\s*(?:(?:{between.joined}))?\s*(?:(?:{after.spaced})(?!\w)|{after.joined})"
    )


def _is_relieved(after: str) -> bool:
    """Return whether the rest of the review says itself, not as the seller's words, that the goods are genuine."""
    for term in filter(lambda term: term.genuine, _terms()):
        for match in term.pattern.finditer(after):
            before = re.split(f"[{_ENDS}]", after[: match.start()])[-1]
            denied = _is_denied(_CLAUSE.split(before)[-1], after[match.end() :])
            affirmed = _AFFIRMED.search(before) or after.startswith(("でし", "です"), match.end())
            if affirmed and not denied and not _SAID.search(before):
                return True
    return False


def _quote(review: str, start: int, end: int) -> str:
    """Return the claim with as many words around it as fit."""
    room = max(0, _MAX_QUOTE - (end - start))
    first = max(0, min(start - room // 2, len(review) - _MAX_QUOTE))
    text = " ".join(review[first : first + _MAX_QUOTE].split())
    cut_left = first > 0 and " " in text[: start - first]
    cut_right = first + _MAX_QUOTE < len(review) and " " in review[end : first + _MAX_QUOTE]
    text = text.split(" ", 1)[1] if cut_left else text
    return text.rsplit(" ", 1)[0] if cut_right else text
