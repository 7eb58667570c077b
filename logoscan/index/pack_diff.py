"""What a pack would change of its brand, item by item, and which of it widens the brand's reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from logoscan._quote import quoted
from logoscan.errors import ImageError
from logoscan.images.loading import read_rgba
from logoscan.index._state import NOT_A_BRAND, State
from logoscan.index.gallery import Gallery
from logoscan.index.logo_images import border_colour
from logoscan.index.pack_records import PackState
from logoscan.index.packs import Pack, utc_time
from logoscan.index.vet import UsualPrices
from logoscan.types import Brand, UsualPrice

__all__ = ["Change", "PackDiff", "PhotoUsers", "changes_of", "refusals"]

PhotoUsers: TypeAlias = Callable[[str], int]
"""Number of sellers who use a photo, by its PDQ hash."""

# Sellers who use an official photo from which it must be accepted: a stock photo would accuse them all.
_MANY_SELLERS = 20
# Fields of a record that have rules of their own.
_RULED = frozenset({"name", "aliases", "authorised_sellers", "origins", "usual_prices", "facts", "negatives",
                    "official_photos"})  # fmt: skip
_ChangeKind: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Change:
    """One thing that a pack changes.

    Attributes:
        name: Name by which it is accepted, such as "alias:Acme Pro"; unique in a pack.
        kind: What happens.
        why: The change as a sentence.
        widening: Whether it must be accepted by name.
        warned: Whether something speaks against it, which `why` says: a logo that is like another brand's, or a photo.
    """

    name: str
    kind: _ChangeKind
    why: str
    widening: bool
    warned: bool = False


@dataclass(frozen=True)
class PackDiff:
    """What a pack would change.

    Attributes:
        brand: Name of the brand.
        version: Version of the pack.
        installed: Version in force; 0 without one.
        changes: All changes, those first that must be accepted, and of these those that something speaks against.
        refusals: Why the pack is not applied without a reason: it is old, expired or not the next of its chain.
        warnings: Pictures that cannot be read or are refused.
    """

    brand: str
    version: int
    installed: int
    changes: tuple[Change, ...]
    refusals: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def widening(self) -> tuple[Change, ...]:
        """The changes that must be accepted by name."""
        return tuple(change for change in self.changes if change.widening)


def refusals(pack: Pack, packs: PackState, now: datetime | None = None) -> tuple[str, ...]:
    """Return why a pack is not applied without a reason, a sentence each; () if nothing speaks against it.

    Args:
        pack: The pack.
        packs: Packs of the index.
        now: The time; now if None.
    """
    out = []
    current = packs.current(pack.brand.name)
    if utc_time(pack.expires, "expires") < (now or datetime.now(UTC)):
        out.append(f"the pack expired on {pack.expires}")
    if current is not None and pack.version <= current.version:
        out.append(f"version {pack.version} is not above {current.version}, which is in force")
    if pack.previous != (None if current is None else current.sha256):
        follows = "is the first of its chain" if pack.previous is None else f"follows {pack.previous[:12]}"
        there = "none is in force" if current is None else f"{current.name} is in force"
        out.append(f"the pack {follows}, and {there}")
    return tuple(out)


def changes_of(
    before: State,
    after: State,
    pack: Pack,
    *,
    prices: UsualPrices | None,
    photo_users: PhotoUsers | None,
    like_logo: float,
) -> tuple[Change, ...]:
    """Return what a pack changed, those changes first that must be accepted.

    Each new picture must be: whoever may speak for a brand could else have it found in everybody's photos, by crops of
    goods or of other brands' marks that are near to nothing registered (`python -m benchmarks brandpacks`).

    Args:
        before: The state before the pack.
        after: The state with it.
        pack: The pack.
        prices: Known prices.
        photo_users: Number of sellers who use a photo.
        like_logo: Cosine from which a logo is warned of, to a logo of another brand or a picture of no brand.
    """
    new = after.by_name[pack.brand.name]
    old, current = before.by_name.get(new.name), before.packs.current(new.name)
    out: list[Change] = []
    if old is None:
        out.append(Change(f"brand:{new.name}", "added", "a new brand is registered", True))
    base = old or Brand(new.name)
    out += _listed("alias", base.aliases, new.aliases, lambda _: True, lambda _: False)
    first = not base.authorised_sellers
    out += _listed("seller", base.authorised_sellers, new.authorised_sellers, lambda _: first, lambda _: True)
    out += _listed("origin", base.origins, new.origins, lambda _: not base.origins, lambda _: True)
    out += _price_changes(base, new, prices)
    facts = [{f"{name}: {value}" for name, value in one.facts.items()} for one in (base, new)]
    out += _listed("fact", sorted(facts[0]), sorted(facts[1]), lambda _: True, lambda _: False)
    for f in fields(Brand):  # what a later version of the record has: nobody has said that it is harmless
        if f.name in pack.fields and f.name not in _RULED and getattr(base, f.name) != getattr(new, f.name):
            out.append(Change(f.name, "changed", f"{f.name} of the brand change", True))
    if "negatives" in pack.fields:
        ids = [[r.id for r in state.negatives.records if r.brand == new.name] for state in (before, after)]
        out += _listed("negative", ids[0], ids[1], lambda _: True, lambda _: False)
    if "official_photos" in pack.fields:
        known = set() if current is None else set(current.official_photos.values())
        for name, pdq in pack.official_photos.items():
            users = 0 if photo_users is None else photo_users(pdq)
            if pdq not in known:
                why = f"an official photo that {users} sellers use" if photo_users else "an official photo is added"
                out.append(Change(f"photo:{name}", "added", why, users > _MANY_SELLERS))
    if "rights" in pack.fields:
        stated = {} if old is None else {right.key: right for right in before.packs.rights(old)}
        out += [Change(f"right:{right.key}", "added", "a trade mark is stated", True)
                for right in pack.rights if stated.get(right.key) != right]  # fmt: skip
    there = {r.id: r.sha256 for r in before.logos.records if r.brand == new.name}
    now = {r.id: r.sha256 for r in after.logos.records if r.brand == new.name}
    out += [Change(f"logo:{logo}", "removed", "a logo is removed", False) for logo in sorted(there.keys() - now.keys())]
    fresh = {logo for logo, sha256 in now.items() if there.get(logo) != sha256}
    out += _new_logos(after, pack, fresh, there, like_logo)
    return tuple(sorted(out, key=lambda change: (not change.widening, not change.warned)))


def _listed(
    what: str, old: Sequence[str], new: Sequence[str], adds: Callable[[str], bool], removes: Callable[[str], bool]
) -> list[Change]:
    """Return the changes of a list; `adds` and `removes` say which of them widen."""
    added = [Change(f"{what}:{one}", "added", f"{quoted(one)} is added", adds(one)) for one in dict.fromkeys(new)
             if one not in set(old)]  # fmt: skip
    return added + [Change(f"{what}:{one}", "removed", f"{quoted(one)} is removed", removes(one))
                    for one in dict.fromkeys(old) if one not in set(new)]  # fmt: skip


def _price_changes(old: Brand, new: Brand, prices: UsualPrices | None) -> list[Change]:
    out = []
    for usual in dict.fromkeys(new.usual_prices):
        if usual in old.usual_prices:
            continue
        inside = any(_same_goods(usual, one) and one.low <= usual.low and usual.high <= one.high
                     for one in old.usual_prices)  # fmt: skip
        above = prices is not None and prices.lies_above_most(new, usual)
        why = "most known prices lie below this range" if above else "a range of usual prices"
        why += "" if inside else " that no range before holds"
        out.append(Change(_price_name(usual), "added", why, above or not inside))
    out += [Change(_price_name(usual), "removed", "a range of usual prices", False)
            for usual in dict.fromkeys(old.usual_prices) if usual not in new.usual_prices]  # fmt: skip
    return out


def _same_goods(a: UsualPrice, b: UsualPrice) -> bool:
    return (a.category, a.currency) == (b.category, b.currency)


def _price_name(usual: UsualPrice) -> str:
    return f"price:{usual.category or 'all'} {usual.low:g}-{usual.high:g} {usual.currency}"


def _new_logos(after: State, pack: Pack, new: Collection[str], there: Mapping[str, str], limit: float) -> list[Change]:
    """Return the new logos of a pack; warned of are photos, and those like another brand's or a picture of no brand."""
    brand = pack.brand.name
    rows = [row for row, record in enumerate(after.logos.records) if record.brand == brand and record.id in new]
    if not rows:
        return []
    others = after.logos.without(lambda r: r.brand == brand)
    general = after.negatives.without(lambda r: r.brand != NOT_A_BRAND)
    nearest: dict[str, tuple[float, str]] = {}
    for gallery in (others, general):
        for row, cosine, name in _nearest(gallery, after, rows):
            logo = after.logos.records[row].id
            nearest[logo] = max(nearest.get(logo, (-1.0, "")), (cosine, name))
    out = []
    for logo in dict.fromkeys(after.logos.records[row].id for row in rows):
        cosine, name = nearest.get(logo, (-1.0, ""))
        whys = [f"at cosine {cosine:.2f} to {quoted(name)}"] if cosine >= limit else []
        if _fills_its_picture(pack.logos.get(logo.removeprefix(f"{brand}/"), b"")):
            whys.append("without a plain ground, as photos are")
        why = " ".join(["a logo", " and ".join(whys)]).strip()
        out.append(Change(f"logo:{logo}", "changed" if logo in there else "added", why, True, bool(whys)))
    return out


def _fills_its_picture(data: bytes) -> bool:
    """Return whether a picture is opaque and has no border of one colour; False for an SVG."""
    try:
        rgba, _ = read_rgba(data, reduced=True)
    except ImageError:
        return False
    return bool(rgba[..., 3].min() == 255 and border_colour(rgba) is None)


def _nearest(gallery: Gallery, after: State, rows: list[int]) -> list[tuple[int, float, str]]:
    """Return for each row of the logos the cosine to the nearest vector of a gallery, and whose it is."""
    if not len(gallery):
        return []
    found = gallery.search(after.logos.vectors[rows], 1)
    return [(row, float(found.similarity[place, 0]), gallery.records[int(found.rows[place, 0])].id)
            for place, row in enumerate(rows)]  # fmt: skip
