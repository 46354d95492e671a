-- jidway's tables. Applied at every start, in one transaction, under an advisory lock (lib/store/schema.ts): every statement
-- may run again on tables that exist. A change of a table that exists raises SCHEMA_VERSION there and stands at the end.
--
-- An account's key is its bare JID, normalised (RFC 7622), and it comes first in the key of every hot table, so that
-- they can be partitioned by account. XML is stored as text. Times are milliseconds since 1970: the server's clock decides.

-- lib/store/schema.ts
create table if not exists schema_version (
  version int not null,
  applied timestamptz not null default now()
);

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
  signed_off boolean not null default false
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
  state       text not null default 'live' check (state in ('live', 'detached')),
  primary key (account, resource)
) with (fillfactor = 80);
create index if not exists presence_node on presence (node, epoch);

-- lib/store/offline.ts
create table if not exists offline (
  account text not null,
  id      bigint generated always as identity,
  sender  text not null,
  xml     text not null,
  bytes   int  not null,
  at      bigint not null, -- ms since 1970: when the message was handled first
  primary key (account, id)
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
