"""Statements of reasons in the schema of the DSA Transparency Database; nothing is posted.

A statement holds no personal data: no seller, no address, no word of the listing; its facts are the names of the
reasons, in words of our own. Fields and values are those of the database's API (transparency.dsa.ec.europa.eu, "API and
Schema"), which takes at most 100 statements a call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan.cases.decisions import Action, Decision, Source
from logoscan.errors import InputError
from logoscan.reporting.plain_words import reason_name
from logoscan.results import Report

__all__ = ["EU", "MOST_A_CALL", "Grounds", "statement_of_reasons"]

EU = ("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
      "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK")  # fmt: skip
"""Countries of the European Union, as the database names them."""
MOST_A_CALL = 100
"""Statements that the database takes in one call."""

_MOST_FACTS, _MOST_GROUND, _MOST_EXPLANATION = 5000, 500, 2000
_PUID = re.compile("[A-Za-z0-9_-]{1,500}")
# Reasons that the facts name, and what each adds to the log-odds at least.
_MOST_REASONS, _LEAST_REASON = 8, 0.01
_VISIBILITY: Mapping[Action, str] = {
    "block": "DECISION_VISIBILITY_CONTENT_DISABLED",
    "remove": "DECISION_VISIBILITY_CONTENT_REMOVED",
    "demote": "DECISION_VISIBILITY_CONTENT_DEMOTED",
}
_SOURCES: Mapping[Source, str] = {
    "notice": "SOURCE_ARTICLE_16",
    "trusted_flagger": "SOURCE_TRUSTED_FLAGGER",
    "authority": "SOURCE_TYPE_OTHER_NOTIFICATION",
    "scan": "SOURCE_VOLUNTARY",
    "screen": "SOURCE_VOLUNTARY",
    "test_buy": "SOURCE_VOLUNTARY",
}
_MEANS = {
    "automated": "AUTOMATED_DECISION_FULLY",
    "partly": "AUTOMATED_DECISION_PARTIALLY",
    "human": "AUTOMATED_DECISION_NOT_AUTOMATED",
}


class Grounds:
    """The platform's own words on why it acts, by the ground of a decision.

    Attributes:
        illegal: Legal ground, such as "Article 9 of Regulation (EU) 2017/1001", and why the goods are illegal by it.
        terms: Reference to the terms, and why the goods are against them.
    """

    def __init__(self, illegal: tuple[str, str] | None = None, terms: tuple[str, str] | None = None) -> None:
        """Keep the words; a ground without words is no reason to act."""
        for name, words in (("illegal", illegal), ("terms", terms)):
            if words is None:
                continue
            for text, most in zip(words, (_MOST_GROUND, _MOST_EXPLANATION), strict=True):
                if not text.strip() or len(text) > most:
                    raise InputError(f"Grounds.{name}: expected 1 to {most} characters, got {len(text)}")
        self.illegal, self.terms = illegal, terms


def statement_of_reasons(
    decision: Decision, report: Report | None = None, *, grounds: Grounds, territory: Sequence[str] = EU
) -> dict[str, Any]:
    """Return the statement of reasons of a decision against a listing or an account.

    Args:
        decision: The decision.
        report: The report that it rests on, for the facts.
        grounds: The platform's words on its grounds.
        territory: Countries of the European Economic Area in which it holds.

    Raises:
        InputError: The decision is not against anybody, is an appeal's, or does not state what the statement must.
    """
    where = f"decision {quoted(decision.id)}"
    if not decision.is_adverse or decision.source == "appeal":
        raise InputError(f"{where}: expected one against a listing or an account, got {decision.action}")
    missing = [
        name for name in ("time", "source", "ground", "detection", "decision") if getattr(decision, name) is None
    ]
    if decision.listed_at is None and decision.action != "block":
        missing.append("listed_at")
    if missing:
        raise InputError(f"{where}: a statement of reasons needs {', '.join(missing)}, which is not stated")
    assert decision.time is not None  # checked above
    assert decision.source is not None
    assert decision.decision is not None
    words = grounds.illegal if decision.ground == "illegal" else grounds.terms
    if words is None:
        raise InputError(f"{where}: expected words on the ground {decision.ground}, got none")
    kind = "illegal" if decision.ground == "illegal" else "incompatible"
    day = decision.time.date().isoformat()
    statement: dict[str, Any] = {
        "decision_ground": f"DECISION_GROUND_{kind.upper()}_CONTENT",
        "illegal_content_legal_ground" if kind == "illegal" else "incompatible_content_ground": words[0],
        f"{kind}_content_explanation": words[1],
        "category": "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        "category_specification": ["KEYWORD_TRADEMARK_INFRINGEMENT"],
        "content_type": ["CONTENT_TYPE_PRODUCT"],
        "content_date": day if decision.listed_at is None else decision.listed_at.date().isoformat(),
        "territorial_scope": sorted(territory),
        "application_date": day,
        "decision_facts": _facts(decision, report)[:_MOST_FACTS],
        "source_type": _SOURCES[decision.source],
        "automated_detection": "Yes" if decision.detection == "automated" else "No",
        "automated_decision": _MEANS[decision.decision],
        "puid": decision.id if _PUID.fullmatch(decision.id) else sha256_hex(decision.id.encode()),
    }
    if decision.action == "suspend":
        statement["decision_account"] = "DECISION_ACCOUNT_SUSPENDED"
    else:
        statement["decision_visibility"] = [_VISIBILITY[decision.action]]
    return statement


def _facts(decision: Decision, report: Report | None) -> str:
    """Return the facts in whole sentences, without a word that a seller wrote."""
    out = ["The goods were assessed for use of a registered trade mark without the owner's consent."]
    if decision.source in ("notice", "trusted_flagger", "authority"):
        out.append("The assessment followed a notification.")
    if decision.source == "test_buy":
        out.append("The goods were bought and examined.")
    if report is not None:
        reasons = [
            reason_name(part.signal) for part in report.score.contributions if part.contribution >= _LEAST_REASON
        ]
        if reasons:
            out.append(f"What spoke against the listing: {'; '.join(reasons[:_MOST_REASONS])}.")
    if decision.score is not None:
        out.append(f"Risk score: {decision.score:.0f} of 100, which is no proof by itself.")
    return " ".join(out)
