"""Tokens of accounts that were closed, as the gate before posting asks for them: who of them comes back?

A listing that shows one is held, with the reason, and never blocked for it. Titles are not asked for: honest sellers of
one thing write nearly the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from logoscan._quote import quoted
from logoscan.images.phash import MATCH_BITS
from logoscan.io.bad_rows import OnError
from logoscan.merchants.facts import plural
from logoscan.merchants.token_file import TokenRow, read_tokens
from logoscan.merchants.tokens import Token

__all__ = ["TokenList"]

# Closed accounts that a reason names: enough for a person to check.
_EXAMPLES = 3
_NOUNS = {"photo": "photo", "file": "photo", "contact": "contact", "code": "code", "id": "id"}


class TokenList:
    """Tokens of closed accounts, with the accounts. Immutable; may be shared by threads."""

    def __init__(self, rows: Iterable[TokenRow]) -> None:
        """Make a list of tokens; titles are passed over.

        Args:
            rows: Tokens, with the accounts that used them where these are to be named.
        """
        import faiss

        self._sellers: dict[Token, set[str]] = {}
        for row in rows:
            if row.kind in _NOUNS:
                self._sellers.setdefault(row.pair, set()).update([] if row.seller_id is None else [row.seller_id])
        self._photos = [token for token in self._sellers if token.kind == "photo"]
        self._index = faiss.IndexBinaryFlat(256)
        if self._photos:
            self._index.add(_packed(self._photos))

    def __len__(self) -> int:
        """Return the number of distinct tokens."""
        return len(self._sellers)

    @classmethod
    def load(cls, path: str | Path, *, key: bytes | None = None, on_error: OnError = "raise") -> TokenList:
        """Return the list of a file (`token_file`).

        Args:
            path: The file.
            key: Key of the contacts, codes and ids of listings; without one those that are no hashes match nothing.
            on_error: What to do with a bad row, as for `read_tokens`.

        Raises:
            InputError: There is no such file, or a column is missing; a row is bad and `on_error` is "raise".
        """
        return cls(read_tokens(path, key=key or secrets.token_bytes(), sellers=False, on_error=on_error))

    def doubts(self, tokens: Iterable[Token]) -> tuple[str, ...]:
        """Return why a person should look at a listing with these tokens, as sentences without a full stop."""
        found: dict[str, int] = {}
        sellers: set[str] = set()
        for token in dict.fromkeys(tokens):
            if matches := self._matches(token):
                found[_NOUNS[token.kind]] = found.get(_NOUNS[token.kind], 0) + 1
                sellers.update(*(self._sellers[match] for match in matches))
        if not found:
            return ()
        what = " and ".join(f"{count} {plural(noun, count)}" for noun, count in sorted(found.items()))
        named = ", ".join(quoted(seller) for seller in sorted(sellers)[:_EXAMPLES])
        more = f" and {len(sellers) - _EXAMPLES} more" if len(sellers) > _EXAMPLES else ""
        whose = f"the {plural('account', len(sellers))} {named}{more}, closed before" if sellers else "a closed account"
        return (f"shows {what} of {whose}",)

    def _matches(self, token: Token) -> Sequence[Token]:
        if token.kind == "photo" and self._photos:
            # FAISS finds what lies below the radius
            _, _, rows = self._index.range_search(_packed([token]), MATCH_BITS + 1)
            return [self._photos[row] for row in rows.tolist()]
        return [token] if token in self._sellers else []


def _packed(photos: Sequence[Token]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return the hashes of photos as uint8 (n, 32)."""
    return np.frombuffer(bytes.fromhex("".join(photo.token for photo in photos)), np.uint8).reshape(-1, 32)
