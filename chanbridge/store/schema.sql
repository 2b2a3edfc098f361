-- chanbridge on SQLite. Times are seconds since 1970 (REAL), documents are JSON (BLOB).

-- what came in, as it came
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    at REAL NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    headers BLOB NOT NULL,                 -- redacted
    body BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'ok',      -- ok, quarantined, unowned
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX requests_open ON requests (state, id) WHERE state <> 'ok';

CREATE TABLE unplaced (                    -- those of which nothing has been placed yet
    request INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE marks (                       -- numbers that only grow
    name TEXT PRIMARY KEY,                 -- events, requests; plain_keys: of a file older than schema 4
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (                      -- a row for what a request brings to a conversation
    seq INTEGER PRIMARY KEY,               -- of the last in it
    id TEXT NOT NULL UNIQUE,               -- of the first in it
    conversation TEXT NOT NULL,
    at REAL NOT NULL,
    request INTEGER,
    only_for TEXT NOT NULL DEFAULT '',     -- a consumer that is shown a parked event once more
    data BLOB NOT NULL                     -- a CloudEvent a line
) STRICT;
CREATE INDEX events_conversation ON events (conversation, seq, only_for);

CREATE TABLE seen (                        -- dedupe keys
    key BLOB PRIMARY KEY,
    at REAL NOT NULL,
    ref TEXT NOT NULL DEFAULT '',          -- our message id, for a provider's message id
    request INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE segments (                    -- pieces of a message that arrive alone
    key TEXT NOT NULL,
    piece INTEGER NOT NULL,
    total INTEGER NOT NULL,
    at REAL NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (key, piece)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors (                     -- where a poll or session stands, and who holds it
    account TEXT PRIMARY KEY,
    cursor TEXT,
    owner TEXT NOT NULL DEFAULT '',
    until REAL NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE wakes (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    data BLOB NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE TABLE conversations (
    key TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    thread TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',
    reach TEXT NOT NULL DEFAULT '',        -- the address that answers go to, where it is another
    window_until REAL,                     -- NULL: none has opened
    window_by TEXT NOT NULL DEFAULT '',
    context BLOB,                          -- {name: [value, expiry]}
    consent BLOB                           -- {scope: granted}
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases (                     -- other addresses of the same conversation
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT '',         -- of identity
    conversation TEXT NOT NULL,
    PRIMARY KEY (account, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_conversation ON aliases (conversation, kind);

-- who has yet to see what
CREATE TABLE consumers (                   -- those that every event is kept for, also while none of them runs
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO consumers VALUES ('handlers'); -- from the beginning: they may start later than what takes in

CREATE TABLE pending (                     -- a row while a consumer has events of a conversation to come
    consumer TEXT NOT NULL,
    conversation TEXT NOT NULL,
    position INTEGER NOT NULL,             -- the last event that it is done with
    attempt INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',
    until REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, conversation)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_due ON pending (consumer, due) WHERE owner = '';

CREATE TABLE parked (                      -- what a person has to look at
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                    -- event, step
    ref TEXT NOT NULL,                     -- event seq, step key
    consumer TEXT NOT NULL DEFAULT '',
    conversation TEXT NOT NULL,
    at REAL NOT NULL,
    error TEXT NOT NULL,
    UNIQUE (kind, ref, consumer)
) STRICT;

-- what goes out
CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    conversation TEXT NOT NULL,
    key TEXT NOT NULL,                     -- idempotency
    fingerprint BLOB NOT NULL,
    at REAL NOT NULL,
    data BLOB NOT NULL,
    losses BLOB NOT NULL,
    reply_map BLOB,
    planned TEXT NOT NULL DEFAULT '',      -- what the plan was made for: window, variant
    UNIQUE (account, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (                      -- a step or a gesture
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,                    -- step, gesture
    message TEXT NOT NULL,
    step INTEGER NOT NULL,
    rank INTEGER NOT NULL,                 -- of the message in its conversation
    state TEXT NOT NULL,                   -- queued, sent, failed, canceled, expired, unknown, blocked
    attempt INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,           -- not before
    data BLOB NOT NULL,
    frozen BLOB,                           -- the step as it left first: every replay sees the same
    record BLOB,                           -- answers so far, and the request in flight
    error BLOB,
    UNIQUE (message, step)
) STRICT;
CREATE INDEX outbox_queue ON outbox (conversation, due, rank, step) WHERE state = 'queued';
CREATE INDEX outbox_unknown ON outbox (account, seq) WHERE state = 'unknown';

CREATE TABLE sending (                     -- a row while a conversation has something queued
    conversation TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    due REAL NOT NULL DEFAULT 0,
    backoff REAL NOT NULL DEFAULT 0,       -- it is not tried before, whatever is added
    since REAL NOT NULL DEFAULT 0,         -- when that was said: if later than now, the clock was set back
    owner TEXT NOT NULL DEFAULT '',
    turn INTEGER NOT NULL DEFAULT 0,       -- names this lease: its owner may have lost it and got another
    until REAL NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX sending_due ON sending (due);

CREATE TABLE holds (                       -- an account whose outbox waits
    account TEXT PRIMARY KEY,
    until REAL NOT NULL,
    since REAL NOT NULL DEFAULT 0,         -- when that was said
    attempt INTEGER NOT NULL DEFAULT 1,
    probe TEXT NOT NULL DEFAULT '',        -- the conversation that tries whether it is mended
    error BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE externals (                   -- provider ids of what we sent
    account TEXT NOT NULL,
    external TEXT NOT NULL,
    message TEXT NOT NULL,
    step INTEGER NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL,
    PRIMARY KEY (account, external)
) STRICT, WITHOUT ROWID;
CREATE INDEX externals_message ON externals (message);

CREATE TABLE facts (
    message TEXT NOT NULL,
    step INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    fact TEXT NOT NULL,
    at REAL NOT NULL,
    error BLOB,
    PRIMARY KEY (message, step, recipient, fact)
) STRICT, WITHOUT ROWID;

CREATE TABLE waiting (                     -- statuses that overtook their send
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    external TEXT NOT NULL,
    until REAL NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX waiting_external ON waiting (account, external);

CREATE TABLE reply_maps (
    message TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    opened REAL NOT NULL,
    expires REAL,
    used BLOB NOT NULL,                    -- addresses of those who have chosen
    other INTEGER NOT NULL DEFAULT 0,      -- they wrote something else meanwhile
    closed INTEGER NOT NULL DEFAULT 0,     -- ... and we answered: the talk has moved on
    data BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_maps_conversation ON reply_maps (conversation, opened);

CREATE TABLE files (                       -- media that came in: to be fetched, or fetched
    key TEXT PRIMARY KEY,                  -- of account and provider id or url
    account TEXT NOT NULL,
    state TEXT NOT NULL,                   -- wanted, kept, lost
    media BLOB NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',
    until REAL NOT NULL DEFAULT 0,
    error BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX files_wanted ON files (due) WHERE state = 'wanted';

CREATE TABLE counters (                    -- refused and odd things, by reason
    name TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
