"""Amounts: minor units here, decimals and offsets at the provider."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import chanbridge as cb

_EXPONENTS = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
         "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}  # fmt: skip
_LARGEST = Decimal(10) ** 15


def offset(currency: str) -> int:
    """Give how many minor units make one major unit (ISO 4217)."""
    return int(10 ** _EXPONENTS.get(currency.upper(), 2))


def currency_of(code: str) -> str:
    """Read a currency's code; raise `PayloadError` if it is none."""
    if len(code) == 3 and code.isascii() and code.isalpha():
        return code.upper()
    raise cb.PayloadError("a currency is no code of three letters")


def minor(amount: object, currency: str) -> int:
    """Read a decimal amount (a number, or one as text); raise `PayloadError` if it is none."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation as error:
        raise cb.PayloadError("an amount is no number") from error
    if not value.is_finite() or abs(value) > _LARGEST:
        raise cb.PayloadError("an amount is no number")
    return int((value * offset(currency)).to_integral_value())


def native(money: cb.Money) -> dict[str, int]:
    """Write an amount as a payment message does."""
    return {"value": money.minor, "offset": offset(money.currency)}
