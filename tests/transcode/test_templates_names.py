"""D20: a template that is another channel's is shown by its preview."""

import pytest

import chanbridge as cb
from chanbridge.transcode import transcode

ORDER = cb.Message.template("order_update", language="en", parameters={"body.1": "Ada"}, preview="Hi {{1}}")
RECORD = cb.Capabilities(text=cb.TextLimits(max=100), template=cb.TemplateLimits(names="HX.*"))


def test_a_template_of_another_channel_is_shown_by_its_preview():
    [step] = transcode(ORDER, RECORD).steps

    assert step.text == "Hi Ada"


def test_a_template_of_the_channel_itself_goes_out_as_it_is():
    own = cb.Message.template("HXTEST", language="en", preview="Hi")

    [step] = transcode(own, RECORD).steps

    assert [part.kind for part in step.parts] == ["template"]


def test_without_a_preview_it_is_refused():
    with pytest.raises(cb.Unsupported, match="no template of this channel"):
        transcode(cb.Message.template("order_update", language="en"), RECORD)
