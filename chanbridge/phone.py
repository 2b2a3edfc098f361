"""Phone numbers in E.164, by libphonenumber (the ``phonenumbers`` package, which plugins depend on)."""

from __future__ import annotations

from chanbridge.model.errors import ValidationError


def e164(number: str, region: str | None = None) -> str:
    """Write a number as ``+`` and digits; ``region`` (ISO 3166 alpha-2) reads those without ``+``.

    Raise `ValidationError` if it is no possible number.
    """
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException as error:
        raise ValidationError(
            "", f"'{number}' is no phone number: write + and the country code, as in +12025550123"
        ) from error
    if not phonenumbers.is_possible_number(parsed):
        raise ValidationError(
            "", f"'{number}' is too long or too short for a phone number, such as +12025550123"
        )
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
