-- jidway's tables. Applied at every start, in one transaction, under an advisory lock (lib/store/schema.ts): every statement
-- may run again on tables that exist. A change of a table that exists raises SCHEMA_VERSION there and stands at the end.
--
-- An account's key is its bare JID, normalised (RFC 7622), and it comes first in the key of every hot table, so that
-- they can be partitioned by account. XML is stored as text. Times are milliseconds since 1970: the server's clock decides.

-- lib/store/schema.ts
create table if not exists schema_version (
  version int not null,
  applied timestamptz not null default now(),
  digest text -- of this file as it was applied
);
alter table schema_version add column if not exists digest text;

-- lib/store/secret.ts: what all nodes must know alike and nobody else, by name
create table if not exists secret (
  name  text primary key,
  value text not null -- base64
);

-- lib/store/accounts.ts
-- Narrow, for its row is locked and rewritten for each message and each change of a session. A deleted account's row stays
-- as a tombstone: seq and generation never start again.
create table if not exists account (
  account    text primary key,
  seq        bigint not null default 0, -- of the last entry in the message log
  generation bigint not null default 0, -- raised when the set of sessions, or their availability, changes
  roster_ver bigint not null default 0, -- raised by each change of the roster
  roster_floor bigint not null default 0, -- removals up to this version are forgotten
  created    timestamptz not null default now(),
  deleted    timestamptz                -- null: the account exists
) with (fillfactor = 80);

-- Never the password: SCRAM's keys (RFC 5802 §3), one row a hash. Salt and keys are base64.
create table if not exists credential (
  account    text not null,
  mechanism  text not null,
  iterations int  not null,
  salt       text not null,
  stored_key text not null,
  server_key text not null,
  primary key (account, mechanism)
);

-- lib/store/node.ts: one row a node. An epoch is one life of it.
create table if not exists node (
  id      text primary key,
  epoch   bigint not null,
  renewal bigint not null default 0, -- raised while it lives (routing.md, step 8)
  n       bigint not null default 0, -- of its last group commit (durability.md D3)
  started timestamptz not null default now(),
  renewed timestamptz not null default now(),
  signed_off boolean not null default false,
  alone   boolean not null default true, -- it runs without NATS_URL, and knows of no other
  reaped_by text -- id and epoch of the node that found this epoch to be over; null: none has (lib/store/lease.ts)
);

-- lib/store/presence.ts: one row a session
create table if not exists presence (
  account     text not null,
  resource    text not null,
  session_id  text not null,
  incarnation bigint not null,
  node        text not null,
  epoch       bigint not null,
  priority    int,            -- null: bound, but not available
  presence    text,           -- the last broadcast presence
  state       text not null default 'live' check (state in ('live', 'closing')),
  primary key (account, resource)
) with (fillfactor = 80);
create index if not exists presence_node on presence (node, epoch);

-- lib/store/log.ts: one entry for each account that a message concerns (durability.md D1): sent by it, or received. Archive
-- and offline store are views of it. Partitioned, so that it can be spread over machines.
create table if not exists log (
  account text not null,
  seq     bigint not null,   -- of the account; without holes at the time of writing
  mark    int not null,      -- random bits of the batch: a number that is given out twice is not the same id
  at      bigint not null,   -- ms since 1970; never falls along seq on one node
  peer    text not null,     -- bare JID of the other side
  flags   smallint not null, -- 1 archived, 2 queued: waits for an acknowledgement, 4 sent by the account
  xml     text not null,     -- jabber:client, every declaration inside
  primary key (account, seq)
) partition by hash (account);
create table if not exists log_0 partition of log for values with (modulus 4, remainder 0);
create table if not exists log_1 partition of log for values with (modulus 4, remainder 1);
create table if not exists log_2 partition of log for values with (modulus 4, remainder 2);
create table if not exists log_3 partition of log for values with (modulus 4, remainder 3);
create index if not exists log_peer on log (account, peer, seq);

-- lib/store/queue.ts: which queued entries were acknowledged (D12): all up to the watermark, and these above it
create table if not exists queue (
  account   text primary key,
  watermark bigint not null default 0,
  ranges    int8multirange not null default '{}'
) with (fillfactor = 80);

-- lib/store/archive-preference.ts: which messages an account wants archived (XEP-0441); without a row: the setting "archive"
create table if not exists archive_preference (
  account  text primary key,
  fallback text not null check (fallback in ('always', 'never', 'roster')),
  always   text[] not null default '{}', -- JIDs, normalised
  never    text[] not null default '{}'
);

-- lib/store/archive-words.ts (XEP-0431): which entries hold a word; of accounts that have searched, up to their last search.
-- A row for each word of a batch of entries, which ends with the entry `upto`.
create table if not exists archive_search (
  account     text primary key,
  upto        bigint not null default 0, -- entries up to this one were read
  retractions bigint not null default 0  -- raised where an entry has lost its words
) with (fillfactor = 80);
create table if not exists archive_word (
  account text not null,
  word    text not null,
  upto    bigint not null,
  seqs    bigint[] not null,
  primary key (account, word, upto)
);
create index if not exists archive_word_batch on archive_word (account, upto);

-- lib/store/retention.ts (D19): when an account's log was swept last, and up to where nothing is left that is neither archived
-- nor waiting
create table if not exists retention (
  account text primary key,
  at      bigint not null,
  swept   bigint not null default 0
) with (fillfactor = 80);

-- lib/store/resumption.ts (XEP-0198): streams that can be resumed, and for a while what became of those that cannot any more
create table if not exists resumption (
  account     text not null,
  session_id  text not null,
  resource    text not null,
  incarnation bigint not null,
  node        text not null,
  epoch       bigint not null,
  lasts       int    not null,            -- seconds that it may be detached
  h           bigint not null default 0,  -- stanzas of the client's that are done
  outbound    bigint not null default 0,  -- stanzas sent to it
  position    bigint not null default 0,  -- of the account's log: what is above it was not given to this session
  unacked     text   not null default '', -- what was given and not acknowledged: lib/core/journal.ts
  requests    text   not null default '[]', -- the client's, not answered: JSON (D15)
  details     text   not null default '{}', -- what its client asked for: JSON
  folded      bigint not null default 0,  -- number of the group commit that this row reflects (D8)
  detached    bigint,                     -- ms since 1970; null: it has a connection
  ended       bigint,                     -- ms since 1970; it cannot be resumed any more, but h is known (XEP-0198 §5)
  primary key (account, session_id)
) with (fillfactor = 70);
create index if not exists resumption_node on resumption (node, epoch);

-- lib/store/log.ts: what the group commits of a node have given to which session (D7), until the rows above reflect it
create table if not exists journal (
  node  text not null,
  epoch bigint not null,
  n     bigint not null,
  blob  text not null,
  primary key (node, epoch, n)
);

-- lib/store/roster.ts
create table if not exists roster (
  account      text not null,
  jid          text not null,
  name         text not null default '',
  subscription text not null default 'none',
  ask          boolean not null default false, -- our request is pending
  approved     boolean not null default false, -- their next request is granted already (RFC 6121 §3.4)
  request      text,                           -- their request, while it waits for an answer
  groups       text[] not null default '{}',
  listed       boolean not null default true,  -- clients see it; false without a request: removed
  ver          bigint not null default 0,
  primary key (account, jid)
);

-- lib/store/vcard.ts (XEP-0054)
create table if not exists vcard (
  account text primary key,
  xml     text not null,
  photo   text not null -- SHA-1 of the picture in hexadecimal (XEP-0153); '': none
);

-- lib/store/private-xml.ts (XEP-0049)
create table if not exists private_xml (
  account text not null,
  ns      text not null,
  name    text not null,
  xml     text not null,
  primary key (account, ns, name)
);

-- lib/store/blocking.ts (XEP-0191)
create table if not exists blocked (
  account text not null,
  jid     text not null, -- normalised: full, bare, domain or domain/resource
  primary key (account, jid)
);

-- lib/store/departure.ts: when an account's last session ended, and what it said (RFC 6121 §4.3.2, XEP-0012)
create table if not exists departure (
  account  text primary key,
  at       bigint not null,
  presence text            -- null: it said nothing more
) with (fillfactor = 80);

-- Changes of tables that exist. Version 2:
alter table account add column if not exists roster_floor bigint not null default 0;
alter table roster add column if not exists approved boolean not null default false;
alter table roster add column if not exists request text;
alter table roster add column if not exists listed boolean not null default true;
create index if not exists roster_granted on roster (jid) where approved or request is not null;
alter table node add column if not exists reaped_by text;
