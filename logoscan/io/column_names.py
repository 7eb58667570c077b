"""Which field a column holds: by our name, by a usual other name, or by what the caller states.

Case, spaces and punctuation do not matter: "Seller ID", "seller-id" and "SELLER_ID" are one name. Knows names; knows no
file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from logoscan._quote import listed
from logoscan.errors import InputError

__all__ = ["OTHER_NAMES", "columns_of_fields", "folded_name", "is_named", "name_pairs"]

OTHER_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("listing_id", "item_id", "item_number", "offer_id", "product_id", "asin", "sku"),
        "listing_id": ("id", "listing", "item_id", "item_number", "offer_id", "product_id", "asin", "sku"),
        "images": (
            "image", "image_files", "image_file", "image_urls", "image_url", "image_links", "image_link", "image_src",
            "photos", "photo", "pictures", "picture", "main_image", "main_image_url", "primary_image",
        ),
        "title": ("name", "product_name", "product_title", "item_name", "item_title", "listing_title"),
        "description": ("product_description", "item_description", "body_html", "body"),
        "claimed_brand": ("brand", "brand_name", "manufacturer"),
        "brand": ("claimed_brand", "brand_name", "manufacturer"),
        "category": ("product_category", "google_product_category", "item_category", "product_type", "categories"),
        "condition": ("item_condition", "product_condition"),
        "price": ("item_price", "product_price", "current_price", "list_price", "unit_price"),
        "currency": ("currency_code", "price_currency", "item_currency"),
        "seller_id": (
            "seller", "sellerid", "seller_name", "merchant_id", "merchantid", "merchant", "merchant_name", "shop_id",
            "shop", "shop_name", "store_id", "store", "store_name", "vendor_id",
        ),
        "listed_at": ("listing_date", "date_listed", "listed", "listed_on", "created_at", "published_at", "start_date"),
        "url": ("link", "listing_url", "item_url", "product_url", "product_link", "permalink"),
        "attributes": ("item_specifics", "specifics", "specifications", "properties"),
        "reviews": ("review", "customer_reviews", "review_texts"),
        "ships_from": ("ship_from", "shipping_from", "ships_from_country", "origin_country", "item_location_country"),
        "orders": ("order_count", "orders_delivered", "number_of_orders", "total_orders"),
        "refunds": ("refund_count", "refunded_orders", "refunds_not_as_described"),
        "complaints": ("complaint_count", "counterfeit_complaints"),
        "takedowns": ("takedown_count", "removals", "upheld_takedowns"),
        "account_age_days": ("account_age", "age_days", "account_days"),
        "identity_verified": ("verified", "is_verified", "id_verified", "kyc", "kyc_verified"),
        "review_manipulation": ("fake_reviews", "review_fraud", "review_abuse"),
        "verdict": ("label", "decision", "outcome"),
        "reviewer": ("reviewed_by", "reviewer_name"),
        "note": ("notes", "comment", "remark"),
    }
)  # fmt: skip
"""Usual other names of each field. Of several that a file has, the earliest here is the field; the others are
ignored."""

_APART = re.compile(r"[\W_]+")
# Characters of a name that are compared; a broken file may have a name of megabytes.
_MOST_CHARS = 200


def folded_name(name: str) -> str:
    """Return a column's name in lower case, with one "_" for what stands between its words."""
    return _APART.sub("_", name.strip()[:_MOST_CHARS].casefold()).strip("_")


def name_pairs(columns: Mapping[str, str] | None, fields: Sequence[str]) -> dict[str, str]:
    """Return which of some fields a caller's columns hold, by the folded names of the columns.

    Args:
        columns: Fields by the names of the columns that hold them; "" says that a column is none of ours.
        fields: Names of the fields that the file may have; columns of other fields are left out.
    """
    pairs = {folded_name(column): field.strip().casefold() for column, field in (columns or {}).items()}
    return {column: field for column, field in pairs.items() if not field or field in fields}


def is_named(column: str, fields: Sequence[str], stated: Mapping[str, str]) -> bool:
    """Return whether a column's name is that of a field, in one way or another.

    Args:
        column: Name of the column.
        fields: Names of the fields.
        stated: What `name_pairs` returned.
    """
    name = folded_name(column)
    return name in stated or name in fields or any(name in OTHER_NAMES.get(field, ()) for field in fields)


def columns_of_fields(
    columns: Sequence[str], fields: Sequence[str], file: str, stated: Mapping[str, str]
) -> dict[str, str]:
    """Return the fields by the names of the columns that hold them.

    A stated column goes before one of our name, and that before the usual other names.

    Args:
        columns: Names of the file's columns.
        fields: Names of the fields.
        file: Name of the file, for errors.
        stated: What `name_pairs` returned.

    Raises:
        InputError: A field has two columns, or a stated column is absent and its field has no other.
    """
    out: dict[str, str] = {}
    used: dict[str, str] = {}  # the column of each field

    def use(column: str, field: str) -> None:
        if field in used or columns.count(column) > 1:
            raise InputError(f"{file}: expected each column once, got {field} twice")
        out[column], used[field] = field, column

    free = []
    for column in columns:
        field = stated.get(folded_name(column))
        if field:
            use(column, field)
        elif field is None:
            free.append(column)
    named = set(used)
    for column in free:
        if (name := folded_name(column)) in fields and name not in named:
            use(column, name)
    by_name = {folded_name(column): column for column in reversed(free) if column not in out}
    for field in fields:
        others = (name for name in OTHER_NAMES.get(field, ()) if by_name.get(name, "") not in ("", *out))
        if field not in used and (other := next(others, None)):
            use(by_name[other], field)
    names = {folded_name(column) for column in columns}
    for column, field in stated.items():
        if field and column not in names and field not in used:
            got = listed(columns)
            raise InputError(f"{file}: expected the column {column} for {field}, got {got or 'nothing'}")
    return out
