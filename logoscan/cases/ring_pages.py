"""Pages of rings: one for each, with its members, its weakest link and the shared photos side by side; and a list.

Pages load nothing and run no script, as all evidence pages. They are evidence for a person who doubts: what speaks for
the ring, where it is weakest, and whom it does not accuse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logoscan.cases.database import connect
from logoscan.cases.rings import Ring, RingLink
from logoscan.errors import InputError
from logoscan.io.files import atomic_write, private_folder
from logoscan.reporting.html import render
from logoscan.reporting.pictures import read_photos
from logoscan.results import ImageRecord
from logoscan.sources import Root

__all__ = ["PhotoPlace", "photo_places", "ring_page", "write_ring_pages"]

# What a page shows; the rest is counted.
_MAX_LINKS, _MAX_PHOTOS, _MAX_COPIES, _MAX_MEMBERS = 60, 12, 6, 200
_PHOTO_PX = 320
# The drawing: sellers on a circle of this radius, in a square of 100.
_RADIUS = 44.0
_MAX_DRAWN = 40


@dataclass(frozen=True)
class PhotoPlace:
    """Where a seller uses a photo.

    Attributes:
        seller_id: Id of the seller.
        listing_id: Id of the listing.
        file: Name of the file.
        sha256: SHA-256 of the file.
    """

    seller_id: str
    listing_id: str | None
    file: str
    sha256: str


@dataclass(frozen=True)
class _Copy:
    """One use of a shared photo, with its picture, a JPEG; None where it cannot be shown, and why."""

    seller: str
    listing: str | None
    jpeg: bytes | None
    missing: str | None


@dataclass(frozen=True)
class _Photo:
    """A shared photo: how many sellers use it, how many of them are suspects, and some of its uses."""

    users: int
    suspects: int
    copies: tuple[_Copy, ...]
    more: int


def photo_places(tokens: Any, rings: Sequence[Ring]) -> Mapping[tuple[str, str], list[PhotoPlace]]:
    """Return where the members of rings use each photo, by kind and token: one place for each seller.

    Args:
        tokens: From `seller_tokens`.
        rings: The rings.
    """
    import pyarrow as pa

    members = sorted({member for ring in rings for member in ring.members})
    wanted = sorted({(token.kind, token.token) for ring in rings for token in ring.tokens})
    db = connect()
    db.register("given", tokens)
    db.register("members", pa.table({"seller_id": pa.array(members, pa.string())}))
    db.register("wanted", pa.table({"kind": pa.array([k for k, _ in wanted], pa.string()),
                                    "token": pa.array([t for _, t in wanted], pa.string())}))  # fmt: skip
    rows = db.execute(
        """SELECT kind, token, seller_id, listing_id, file, sha256 FROM given
        SEMI JOIN members USING (seller_id) SEMI JOIN wanted USING (kind, token)
        WHERE file IS NOT NULL AND sha256 IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY kind, token, seller_id ORDER BY listing_id, file) = 1
        ORDER BY ALL"""
    ).fetchall()
    db.close()
    places: dict[tuple[str, str], list[PhotoPlace]] = {}
    for kind, token, *place in rows:
        places.setdefault((kind, token), []).append(PhotoPlace(*place))
    return places


def ring_page(
    ring: Ring,
    number: int,
    places: Mapping[tuple[str, str], Sequence[PhotoPlace]] | None = None,
    *,
    root: Root = None,
    closed: frozenset[str] = frozenset(),
    back: str | None = None,
) -> str:
    """Return the page of a ring as HTML.

    Args:
        ring: The ring.
        number: Number of the ring, for the heading.
        places: Where its photos are used, from `photo_places`; None shows no photo.
        root: Folder of the photos, which they may not leave; None is the current folder.
        closed: Ids of closed accounts, which are marked.
        back: Address of the list of rings, for a link.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    photos = [token for token in ring.tokens if token.kind in ("photo", "file")]
    photos.sort(key=lambda token: (-token.suspects, token.users, token.token))
    weakest = {link.sellers for link in ring.weakest_link.links}
    return render(
        "ring.html.j2",
        "ring.css",
        ring=ring,
        number=number,
        closed=closed,
        members=ring.members[:_MAX_MEMBERS],
        links=[(link, _reasons(link, ring), link.sellers in weakest) for link in ring.links[:_MAX_LINKS]],
        weakest=[(link, _reasons(link, ring)) for link in ring.weakest_link.links[:_MAX_LINKS]],
        photos=[_photo(token.users, token.suspects, (places or {}).get((token.kind, token.token), ()), root)
                for token in photos[:_MAX_PHOTOS]],
        more_photos=max(0, len(photos) - _MAX_PHOTOS),
        drawing=_drawing(ring, weakest),
        back=back,
    )  # fmt: skip


def _reasons(link: RingLink, ring: Ring) -> str:
    """Return what a link carries, in words; nothing of a contact but that there is one."""
    counts: dict[str, int] = {}
    for i in link.tokens:
        kind = "photo" if ring.tokens[i].kind == "file" else "title" if ring.tokens[i].kind == "text" else ""
        kind = kind or ring.tokens[i].kind
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in sorted(counts.items(), key=lambda c: -c[1]))


def _photo(users: int, suspects: int, places: Sequence[PhotoPlace], root: Root) -> _Photo:
    chosen = places[:_MAX_COPIES]
    records = [ImageRecord(place.file, place.sha256, None, None) for place in chosen]
    shown, _ = read_photos(records, [], None, root, _PHOTO_PX)
    copies = tuple(
        _Copy(place.seller_id, place.listing_id, picture.jpeg, picture.missing)
        for place, picture in zip(chosen, shown, strict=True)
    )
    return _Photo(users, suspects, copies, len(places) - len(chosen))


@dataclass(frozen=True)
class _Drawing:
    """Members on a circle (x, y, label), and the links between them (x0, y0, x1, y1, width, whether weakest)."""

    nodes: tuple[tuple[float, float, str], ...]
    edges: tuple[tuple[float, float, float, float, float, bool], ...]


def _drawing(ring: Ring, weakest: set[tuple[str, str]]) -> _Drawing | None:
    """Return the drawing of a ring, the parts of its weakest link beside each other; None of too many members."""
    if len(ring.members) > _MAX_DRAWN:
        return None
    order = [*ring.weakest_link.parts[0], *ring.weakest_link.parts[1]]
    turn = 2 * math.pi / len(order)
    at = {
        member: (50 + _RADIUS * math.sin(i * turn), 50 - _RADIUS * math.cos(i * turn)) for i, member in enumerate(order)
    }
    return _Drawing(
        tuple((*at[member], str(ring.members.index(member) + 1)) for member in order),
        tuple((*at[link.sellers[0]], *at[link.sellers[1]], min(1.6, 0.2 + link.log_odds / 6), link.sellers in weakest)
              for link in reversed(ring.links)),
    )  # fmt: skip


def write_ring_pages(
    rings: Sequence[Ring], folder: str | Path, tokens: Any, *, root: Root = None, closed: frozenset[str] = frozenset()
) -> int:
    """Write a page for each ring, and `index.html`, the list of them; they open from disk without a server.

    Args:
        rings: The rings.
        folder: Folder to write to, made if missing.
        tokens: From `seller_tokens`, for the photos.
        root: Folder of the photos, which they may not leave; None is the current folder.
        closed: Ids of closed accounts, which are marked.

    Returns:
        Number of pages of rings.

    Raises:
        InputError: `folder` is a file.
        MissingDependencyError: jinja2 is not installed.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"folder: expected a folder, got the file {str(folder)!r}")
    private_folder(folder)
    places = photo_places(tokens, rings)
    for number, ring in enumerate(rings, 1):
        page = ring_page(ring, number, places, root=root, closed=closed, back="index.html")
        atomic_write(folder / f"ring-{number}.html", page.encode())
    rows = [(number, ring, sum(member in closed for member in ring.members)) for number, ring in enumerate(rings, 1)]
    atomic_write(
        folder / "index.html", render("rings.html.j2", "ring.css", rows=rows, any_closed=bool(closed)).encode()
    )
    return len(rings)
