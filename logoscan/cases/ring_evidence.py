"""What ties the members of a ring together, without those who merely stand beside it: what a lead may say of a ring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logoscan.cases.ring_files import read_ring_rows
from logoscan.cases.rings import Ring
from logoscan.errors import InputError

__all__ = ["RingEvidence", "TiedSellers"]


@dataclass(frozen=True)
class TiedSellers:
    """Two members, and what they share.

    Attributes:
        sellers: Their ids.
        log_odds: Log-odds that they belong together.
        weakest: Whether the link is one of the ring's weakest link.
        shared: Kinds of what they share, each with its number; never a contact itself.
    """

    sellers: tuple[str, str]
    log_odds: float
    weakest: bool
    shared: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class RingEvidence:
    """The links of a ring.

    Attributes:
        confidence: Confidence of the ring.
        ties: Links of the ring, the strongest first.
    """

    confidence: float
    ties: tuple[TiedSellers, ...]

    @classmethod
    def of(cls, ring: Ring) -> RingEvidence:
        """Return the evidence of a ring."""
        weakest = {link.sellers for link in ring.weakest_link.links}
        return cls(
            ring.confidence,
            tuple(
                TiedSellers(link.sellers, link.log_odds, link.sellers in weakest,
                            _counted([ring.tokens[i].kind for i in link.tokens]))
                for link in ring.links
            ),
        )  # fmt: skip

    @classmethod
    def read(cls, path: str | Path, number: int) -> RingEvidence:
        """Return the evidence of a ring in a file that `write_rings` wrote.

        Args:
            path: The file.
            number: Number of the ring, from 1.

        Raises:
            InputError: There is no such file, or no such ring.
            CorruptFileError: The file holds something else.
        """
        rows = [row for row in read_ring_rows(path) if row["ring"] == number and row["role"] == "link"]
        if not rows:
            raise InputError(f"ring: expected the number of a ring of {str(path)!r}, got {number}")
        ties = [
            TiedSellers((row["seller"], row["other"]), row["log_odds"], row["weakest"],
                        _counted([reason["kind"] for reason in row["reasons"]]))
            for row in rows
        ]  # fmt: skip
        return cls(rows[0]["confidence"], tuple(ties))

    def as_plain(self, name_of: Callable[[str | None], str | None]) -> dict[str, Any]:
        """Return the evidence as plain values, with other names in place of the sellers' ids."""
        return {
            "confidence": self.confidence,
            "what_it_is": "Accounts that probably belong together. It is a reason to look, and proves nothing.",
            "links": [
                {"sellers": [name_of(one) for one in tie.sellers], "log_odds": tie.log_odds, "weakest": tie.weakest,
                 "shared": dict(tie.shared)}
                for tie in self.ties
            ],
        }  # fmt: skip


def _counted(kinds: list[str]) -> tuple[tuple[str, int], ...]:
    return tuple((kind, kinds.count(kind)) for kind in sorted(set(kinds)))
