"""A send of three requests, its process killed at every point: by the log of the provider itself."""

import pytest

UPLOAD, WAIT, POST = "/upload", "/files", "/push"
BOTH = [("0", ""), ("1", "And some words")]


def kill(children, provider, point, path, **orders):
    if point == "accepted":
        provider.deadly = path
        children.killed(do="send", **orders)
    else:
        children.killed(do="send", kill=[point, path], **orders)


@pytest.mark.parametrize(
    ("point", "path", "uploads"),
    [
        ("before", UPLOAD, 1),
        ("accepted", UPLOAD, 2),  # its answer was never recorded: an upload may be repeated
        ("answered", UPLOAD, 2),
        ("recorded", UPLOAD, 1),
        ("before", WAIT, 1),
        ("accepted", WAIT, 1),
        ("answered", WAIT, 1),
        ("recorded", WAIT, 1),
        ("recorded", POST, 1),
    ],
)
def test_a_send_goes_on_where_its_record_ends(children, provider, point, path, uploads):
    kill(children, provider, point, path)

    found = children.run(do="resume")

    assert provider.count(UPLOAD) == uploads
    assert provider.posts == BOTH
    assert found["states"] == ["sent", "sent"]
    assert found["parked"] == []


@pytest.mark.parametrize(("point", "posts"), [("before", []), ("accepted", BOTH[:1]), ("answered", BOTH[:1])])
def test_a_post_in_flight_is_never_repeated_but_left_to_a_person(children, provider, point, posts):
    kill(children, provider, point, POST)

    found = children.run(do="resume")

    assert provider.posts == posts
    assert provider.count(UPLOAD) == 1
    assert found["states"] == ["unknown", "blocked"]
    assert found["facts"] == [[], []]
    [parked] = found["parked"]
    assert parked.startswith("outcome_unknown: POST 127.0.0.1/push")
    assert "the process ended while this request was under way" in parked


@pytest.mark.parametrize(
    ("plugin", "point", "path"), [("url", "recorded", UPLOAD), ("body", "recorded", POST)]
)
def test_a_plugin_that_was_changed_in_between_is_noticed(children, provider, plugin, point, path):
    kill(children, provider, point, path)
    before = list(provider.accepted)

    found = children.run(do="resume", plugin=plugin)

    assert provider.accepted == before
    assert found["states"] == ["unknown", "blocked"]
    assert "the plugin changed: it no longer makes the request POST" in found["failure"]


def delivered(provider, key):
    """What Magpie says later: our key, and an id that we never saw."""
    provider.updates.append(
        {"id": "mag-late-TEST", "at": "2026-11-20T09:30:00Z", "fact": "DLVRD", "ref": key}
    )


def test_a_later_status_with_our_key_settles_it_and_the_rest_goes_out(children, provider):
    kill(children, provider, "accepted", POST)
    children.run(do="resume")
    delivered(provider, provider.keys[0])

    found = children.run(do="resume", until=["sent", "sent"])

    assert provider.posts == BOTH
    assert found["facts"] == [["delivered"], ["submitted"]]
    assert (found["parked"], found["failure"]) == ([], "")
    assert found["told"] == ["delivered", "submitted"]


def test_a_status_that_comes_before_the_send_is_resumed_leaves_nothing_unknown(children, provider):
    kill(children, provider, "accepted", POST)
    delivered(provider, provider.keys[0])
    early = children.run(do="idle", nothing_leaves=True)

    found = children.run(do="resume", until=["sent", "sent"])

    assert early["states"] == ["queued", "queued"]
    assert provider.posts == BOTH
    assert found["parked"] == []


@pytest.mark.parametrize(
    ("outcome", "posts", "states", "told"),
    [
        ("sent", BOTH, ["sent", "sent"], ["submitted", "submitted"]),
        ("again", [BOTH[0], *BOTH], ["sent", "sent"], ["submitted", "submitted"]),
        ("drop", BOTH[:1], ["canceled", "canceled"], ["canceled", "canceled"]),
    ],
)
def test_a_person_settles_it(children, provider, outcome, posts, states, told):
    kill(children, provider, "accepted", POST)
    children.run(do="resume")

    found = children.run(do="resolve", outcome=outcome)

    assert provider.posts == posts
    assert found["states"] == states
    assert found["told"] == told
    assert found["parked"] == []
