"""Products, and payments."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.money import native
from chanbridge_whatsapp.outbound.interactive import interactive, text_header

Native = dict[str, Any]
PAID = ("captured", "pending", "failed")
CAROUSEL = "carousel"


def product(part: cb.Product) -> Native:
    """Write one product, several (in sections, or side by side), or the whole catalogue."""
    if part.sections or len(part.skus) > 1:
        return _side_by_side(part) if _layout(part) == CAROUSEL else _sections(part)
    if part.skus:
        action = {"catalog_id": part.catalog, "product_retailer_id": part.skus[0]}
        return interactive("product", action, body=part.body, footer=part.footer)
    return _catalog(part)


def _layout(part: cb.Product) -> str:
    own = part.extra.get("x-whatsapp")
    return str(own.get("layout", "")) if isinstance(own, dict) else ""


def _sections(part: cb.Product) -> Native:
    sections = part.sections or ({"title": part.title, "skus": part.skus},)
    written = [
        {
            "title": section.get("title", ""),
            "product_items": [{"product_retailer_id": sku} for sku in section.get("skus", ())],
        }
        for section in sections
    ]
    return interactive(
        "product_list",
        {"catalog_id": part.catalog, "sections": written},
        header=text_header(part.title),
        body=part.body,
        footer=part.footer,
    )


def _side_by_side(part: cb.Product) -> Native:
    skus = part.skus or tuple(sku for section in part.sections for sku in section.get("skus", ()))
    cards = [
        {
            "card_index": index,
            "type": "product",
            "action": {"product_retailer_id": sku, "catalog_id": part.catalog},
        }
        for index, sku in enumerate(skus)
    ]
    return interactive("carousel", {"cards": cards}, body=part.body)


def _catalog(part: cb.Product) -> Native:
    own = part.extra.get("x-whatsapp")
    thumbnail = own.get("thumbnail") if isinstance(own, dict) else None
    parameters = {"parameters": {"thumbnail_product_retailer_id": thumbnail}} if thumbnail else {}
    return interactive(
        "catalog_message", {"name": "catalog_message", **parameters}, body=part.body, footer=part.footer
    )


def order(part: cb.Order) -> Native:
    """Write how an order stands."""
    parameters = {"reference_id": part.ref, "order": {"status": part.status}}
    return interactive("order_status", {"name": "review_order", "parameters": parameters}, body=part.text)


def payment(part: cb.Payment) -> Native:
    """Write a request to pay, or, where it has a status, how the payment stands.

    ``settings`` holds the provider's own parameters (``type``, ``payment_settings``, ``order``, ...).
    """
    if part.status in PAID:
        return _payment_status(part)
    amount: Native = {}
    if part.amount:
        amount = {"currency": part.amount.currency, "total_amount": native(part.amount)}
    parameters = {"reference_id": part.ref, **amount, **part.settings}
    return interactive("order_details", {"name": "review_and_pay", "parameters": parameters}, body=part.body)


def _payment_status(part: cb.Payment) -> Native:
    paid: Native = {"status": part.status}
    if "timestamp" in part.settings:
        paid["timestamp"] = part.settings["timestamp"]
    parameters = {
        "reference_id": part.ref,
        "order": part.settings.get("order") or {"status": "processing"},
        "payment": paid,
    }
    return interactive("order_status", {"name": "review_order", "parameters": parameters}, body=part.body)
