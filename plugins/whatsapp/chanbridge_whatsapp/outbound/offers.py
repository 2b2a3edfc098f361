"""What is wrong with forms, products, orders and payments, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.outbound.interactive import OWN_FORMS

Problems = Iterator[cb.ValidationError]
BODY_MAX = 1024
LABEL_MAX = 20
REF_MAX = 60
PRODUCTS_MAX = 30
SECTIONS_MAX = 10


def objections(path: str, part: cb.Part) -> Problems:
    """Give the objections to one part, if it is of these kinds."""
    check = _CHECKS.get(part.kind)
    return check(path, part) if check else iter(())


def _form(path: str, part: cb.Form) -> Problems:
    own = part.ref in OWN_FORMS
    if not part.ref:
        yield cb.ValidationError(f"{path}.ref", "name a flow by its id or name, or a form of WhatsApp's own")
    yield from _body(f"{path}.body", part.body, needed=part.ref != "call_permission_request")
    label = part.submit or part.title
    if (not own or part.ref == "voice_call") and not 1 <= len(label) <= LABEL_MAX:
        yield cb.ValidationError(f"{path}.submit", f"give the button 1 to {LABEL_MAX} characters")


def _product(path: str, part: cb.Product) -> Problems:
    several = bool(part.sections) or len(part.skus) > 1
    yield from _body(f"{path}.body", part.body, needed=several or not part.skus)
    if not (several or part.skus):
        return
    if not part.catalog:
        yield cb.ValidationError(f"{path}.catalog", "name the catalogue that the products are in")
    count = sum(len(section.get("skus", ())) for section in part.sections) or len(part.skus)
    if count > PRODUCTS_MAX or len(part.sections) > SECTIONS_MAX:
        yield cb.ValidationError(path, f"show at most {PRODUCTS_MAX} products in {SECTIONS_MAX} sections")
    if several and not part.title and "x-whatsapp" not in part.extra:
        yield cb.ValidationError(f"{path}.title", "give several products a title")


def _order(path: str, part: cb.Order) -> Problems:
    yield from _ref(path, part.ref)
    yield from _body(f"{path}.text", part.text)
    if not part.status:
        yield cb.ValidationError(
            f"{path}.status", "an order goes out as its status: give one, such as shipped"
        )


def _payment(path: str, part: cb.Payment) -> Problems:
    yield from _ref(path, part.ref)
    yield from _body(f"{path}.body", part.body)
    if not (part.status or part.amount):
        yield cb.ValidationError(f"{path}.amount", "a request to pay needs an amount")


def _ref(path: str, ref: str) -> Problems:
    if not 1 <= len(ref) <= REF_MAX:
        yield cb.ValidationError(f"{path}.ref", f"give a reference of 1 to {REF_MAX} characters")


def _body(path: str, body: str, *, needed: bool = True) -> Problems:
    if len(body) > BODY_MAX or (needed and not body):
        yield cb.ValidationError(path, f"say in 1 to {BODY_MAX} characters what it is about")


_CHECKS: dict[str, Callable[[str, Any], Problems]] = {
    "form": _form,
    "product": _product,
    "order": _order,
    "payment": _payment,
}
