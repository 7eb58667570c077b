"""Coded terms by which sellers of copies call them (replica, 1:1, mirror quality, 高仿), searched in one text.

Knows words and their neighbours; knows no brands and no scores. The terms are data: `_data/coded_terms.csv` states the
meaning, the languages and the kind of public source of each term (or that none was looked up yet), and the words beside
which it is honest. Known false alarms: product lines of such a name (perfumes called Replica), jewellers' grades.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.text.folding import plain, shown, skeleton
from logoscan.text.languages import FIRST_UNSPACED, alternatives, words_of
from logoscan.text.letters import bare

__all__ = ["CodedHit", "CodedTerm", "CodedUse", "coded_terms", "find_coded"]

# Text beyond this is not searched, as in `brand_names`, nor is four times as much with its markup.
_MAX_CHARS = 20_000
# Further hits are left out: the first ones already say it.
_MAX_HITS = 200
# Words beside a term that may make it honest: "replica medieval sword", "replica watch stand".
_NEIGHBOURS = 2
# Terms of this length are also found through digits and gaps ("r3plica", "r e p l i c a").
_DISGUISE_MIN_LETTERS = 6

# Characters on either side that are read for negations and neighbours.
_CONTEXT = 60

# The patterns are applied to text without case and accents.
_FAKES = r"(?:replicas?|fakes?|cop(?:y|ies)|counterfeits?|imitations?|knock-?offs?|dupes?|clones?|first|mirror|super)"
_FILLERS = rf"(?:some|cheap|selling|sell|sold|those|{_FAKES})"
_NO_FAKES = r"no|isn'?t|aren'?t|ain'?t|against|avoid|beware of|zero|anti"
_NEGATED_AFTER = re.compile(
    r"\s*[?!]?\s*(?:勿扰|请绕道|免谈|必究|假一"
    r"|(?:are |is |will be |items? )*(?:not (?:allowed|accepted|sold|welcome)|prohibited|forbidden|banned|reported)"
    r"|[?]\s*(?:no|never)\b|-?\s?free\b(?!\s+(?:shipping|delivery|gift|post|p&p|returns?)))",
    re.IGNORECASE,
)
# Only what means nothing but "for": a seller of copies may write "slim fit replica".
_FOR = "for|fur|fuer|pour|para|per|voor|dla|till|til|pentru|untuk|cho|για|для"
_ACCESSORY = frozenset(
    {"stand", "stands", "holder", "holders", "rack", "racks", "mount", "display", "showcase", "pedestal", "book"}
)
# Behind these the next word is another thing: "replica watch with stand" is a replica.
_LINKING_WORDS = frozenset({"with", "and", "in", "plus", "incl", "including", "w", "for", "by", "of"})
_WORD = re.compile(r"[^\W_]+")
_CLAUSE = re.compile(r"[.,;!?|()\[\]。，；！？、\n]")


@dataclass(frozen=True)
class CodedTerm:
    """One term of the table.

    Attributes:
        term: The term as it is usually written; case, accents, width and what stands between its words do not matter.
        languages: Language codes, ISO 639-1, or "any".
        strength: How strongly it indicates a copy where it is not honest, in [0, 1]. Stated, not fitted.
        meaning: What sellers mean by it.
        source: Kind of public source that lists it.
        honest_before: Words shortly before it that make it honest.
        honest_after: Words shortly behind it that make it honest.
    """

    term: str
    languages: tuple[str, ...]
    strength: float
    meaning: str
    source: str
    honest_before: frozenset[str] = frozenset()
    honest_after: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.term.strip() or not self.meaning or not self.source or not self.languages:
            raise InputError(f"CodedTerm: expected a term, its languages, meaning and source, got {quoted(self, 300)}")
        if not 0.0 < self.strength <= 1.0:
            raise InputError(f"CodedTerm.strength: expected a number in (0, 1], got {self.strength!r}")


@dataclass(frozen=True)
class CodedHit:
    """One use of a coded term in a text.

    Attributes:
        term: The term, as the table has it.
        text: The words as they stand in the text.
        start: First character in the text as HTML shows it.
        end: Last character, exclusive.
        strength: How strongly it indicates a copy, in [0, 1].
        why: A sentence for a report.
    """

    term: str
    text: str
    start: int
    end: int
    strength: float
    why: str


@dataclass(frozen=True)
class CodedUse:
    """A coded term in a listing.

    Attributes:
        source: "title", "description", "claim" or "image:N".
        hit: The term as it stands there.
        confidence: How probable it is that the letters are right, in [0, 1].
    """

    source: str
    hit: CodedHit
    confidence: float = 1.0

    @property
    def strength(self) -> float:
        """How strongly it indicates a copy, in [0, 1]."""
        return self.hit.strength * self.confidence


@cache
def coded_terms() -> tuple[CodedTerm, ...]:
    """Return the terms of the table."""
    table = files("logoscan").joinpath("_data", "coded_terms.csv").read_text("utf-8")
    return tuple(
        CodedTerm(
            row["term"],
            tuple(row["languages"].split()),
            float(row["strength"]),
            row["meaning"],
            row["source"],
            frozenset(map(bare, row["honest_before"].split())),
            frozenset(map(bare, row["honest_after"].split())),
        )
        for row in csv.DictReader(table.splitlines())
    )


def find_coded(text: str) -> list[CodedHit]:
    """Return the coded terms that a text uses, in its order; of overlapping ones the strongest.

    Negated ("not a replica"), honest ("replica jersey", "AAA batteries") and accessory uses ("replica watch stand") are
    left out. A disguised term ("r3plica") is stronger.

    Example:
        >>> [(hit.text, hit.strength) for hit in find_coded("watch, 1:1 replica; not a fake")]
        [('1:1', 0.35), ('replica', 0.85)]
    """
    text = shown(text[: 4 * _MAX_CHARS])[:_MAX_CHARS]
    hits: list[CodedHit] = []
    honest: list[tuple[int, int]] = []  # the parts of an honest whole are honest: "AAA grade freshwater pearls"
    for letters, disguised in ((bare, False), (plain, False), (_lookalike_letters, True)):
        read, origin = _read(text, letters)
        if not _any_term(letters, disguised).search(read):
            continue
        for term, pattern in _patterns(letters, disguised):
            for match in pattern.finditer(read):
                start, end = origin[match.start()], origin[match.end() - 1] + 1
                before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
                if _is_honest(bare(before), bare(after), term):
                    honest.append((start, end))
                elif len(hits) < _MAX_HITS:
                    hits.append(_hit(term, text, start, end, disguised))
    return _without_overlaps([h for h in hits if not any(a <= h.start and h.end <= b for a, b in honest)])


def _hit(term: CodedTerm, text: str, start: int, end: int, disguised: bool) -> CodedHit:
    strength = 1.0 - (1.0 - term.strength) / 2 if disguised else term.strength
    disguise = ", in disguise" if disguised else ""
    why = f"{text[start:end]!r}: {term.meaning}{disguise}"
    return CodedHit(term.term, text[start:end], start, end, strength, why)


def _without_overlaps(hits: list[CodedHit]) -> list[CodedHit]:
    """Return hits that do not overlap: the longer goes first, then the stronger; a plain one goes before a disguise."""
    kept: list[CodedHit] = []
    for hit in sorted(hits, key=lambda h: (h.start - h.end, "in disguise" in h.why, -h.strength, h.start)):
        if not any(hit.start < k.end and k.start < hit.end for k in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: h.start)


def _lookalike_letters(text: str) -> str:
    return skeleton(plain(text))


def _read(text: str, letters: Callable[[str], str]) -> tuple[str, list[int]]:
    """Return the text letter by letter through a folding, and the position that each letter came from.

    Other characters stay as they are.
    """
    out: list[str] = []
    origin: list[int] = []
    for i, c in enumerate(text):
        new = _letter(letters, c) if c.isalnum() or letters is bare else _letter(bare, c)
        if not c.isalnum() and letters is _lookalike_letters and c in "@$€|!¡" and text[i - 1 : i].isalnum():
            new = letters(c) if text[i + 1 : i + 2].isalnum() else c
        out.append(new)
        origin += [i] * len(new)
    return "".join(out), origin


@lru_cache(maxsize=20_000)
def _letter(letters: Callable[[str], str], letter: str) -> str:
    return letters(letter)


@cache
def _patterns(letters: Callable[[str], str], disguised: bool) -> tuple[tuple[CodedTerm, re.Pattern[str]], ...]:
    out = []
    for term in coded_terms():
        latin = bare(term.term).isascii()
        long = sum(c.isalpha() for c in term.term) >= _DISGUISE_MIN_LETTERS and not any(c.isdigit() for c in term.term)
        if (not latin and letters is not bare) or (disguised and not long):
            continue
        out.append((term, _pattern(term.term, letters, disguised)))
    return tuple(out)


@cache
def _any_term(letters: Callable[[str], str], disguised: bool) -> re.Pattern[str]:
    """Return a pattern of all terms together: most texts hold none, and it says so in one search."""
    return re.compile("|".join(pattern.pattern for _, pattern in _patterns(letters, disguised)))


def _pattern(term: str, letters: Callable[[str], str], disguised: bool) -> re.Pattern[str]:
    words = []
    for word in term.split():
        read = "".join(letters(c) if c.isalnum() else c for c in word)
        gap = r"[\s.\-_*·]?" if disguised or not read.isascii() else ""
        words.append(gap.join(r"\s*:\s*" if c == ":" else re.escape(c) for c in read))
    whole = r"[\s\-_./]*".join(words)
    plural = "s?" if term[-1].isascii() and term[-1].isalpha() and len(term) > 3 else ""
    number_before = r"(?<![:.,])" if term[0].isdigit() else ""  # 10:1:1 and 1:12 hold no term
    number_after = r"(?![:.,]\d|%)" if term[-1].isdigit() else ""
    edges = (f"(?<!{_edge(term[0])})" if _edge(term[0]) else ""), (f"(?!{_edge(term[-1])})" if _edge(term[-1]) else "")
    return re.compile(f"{number_before}{edges[0]}{whole}{plural}{edges[1]}{number_after}")


def _edge(letter: str) -> str:
    """Return a class of letters that may not stand beside a term that ends in this letter.

    It is empty in scripts that part no words.
    """
    if not letter.isalnum() or letter >= FIRST_UNSPACED:
        return ""
    return "[a-z0-9]" if letter.isascii() else r"[^\W_]"


def _is_honest(before: str, after: str, term: CodedTerm) -> bool:
    denied_or_for, denied_after = _around_honest()
    if denied_or_for.search(before) or denied_after.match(after) or _NEGATED_AFTER.match(after):
        return True
    behind, ahead = set(_words_after(after)), set(_words_before(before))
    return bool(
        behind & (_ACCESSORY | term.honest_after)
        or ahead & term.honest_before
        or any(after.lstrip().startswith(w) for w in term.honest_after if not w.isascii())
        or any(before.rstrip().endswith(w) for w in term.honest_before if not w.isascii())
    )


@cache
def _around_honest() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of what makes a term honest in any language: "not" or "for" before it, and "not" behind it."""
    words, between, joining = (alternatives(words_of(name)) for name in ("not_before", "not_fillers", "and_words"))
    after = alternatives(words_of("not_after"))
    return re.compile(
        rf"(?:(?<!\w)(?:{_NO_FAKES}|{words.spaced})(?!\w)|≠)[\s\-:]*"
        rf"(?:(?:{_FILLERS}|{between.spaced})[\s,/&\-]*(?:(?:or|nor|oder|ou|или|{joining.spaced})\s+)?){{0,4}}$"
        rf"|(?:{words.joined}|不售|拒绝|杜绝|谢绝|谨防|ではありません|아닌)(?:{between.joined})?[\s:：]*$"
        rf"|(?<!\w)(?:{_FOR})\s+(?:an?|your|the|all|any|most|my)?\s*$"
    ), re.compile(rf"\s*[?!]?\s*(?:(?:{after.spaced})(?!\w)|{after.joined})")


def _words_after(after: str) -> Iterator[str]:
    """Yield up to two words behind a term, in its clause, until another thing begins."""
    clause = _CLAUSE.split(after, maxsplit=1)[0]
    for match in list(_WORD.finditer(clause))[:_NEIGHBOURS]:
        if match.group() in _LINKING_WORDS or any(sign in clause[: match.start()] for sign in "+&"):
            return
        yield match.group()


def _words_before(before: str) -> list[str]:
    clause = _CLAUSE.split(before)[-1]
    return [m.group() for m in _WORD.finditer(clause)][-_NEIGHBOURS:]
