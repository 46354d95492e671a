#!/usr/bin/python3
# One slixmpp that resumes by its own code (plugin xep_0198); run by run.ts. The orders it takes and what it tells:
# test/helpers/kills.ts.
#   slixmpp_resuming.py USER TO PORT CA
# What slixmpp 1.8 has to be told: to load the plugin, to connect again when it was disconnected (while nobody answers it
# tries again by itself, after 1, 3, 7 … s), and, because its filter forgets the queue of unacknowledged stanzas when
# <resume/> is sent instead of sending them again, what the server's <resumed h=''/> does not cover.
import asyncio
import json
import sys
import slixmpp
from slixmpp.stanza import Iq, Message, Presence

user, to, port, ca = sys.argv[1:5]


def tell(**event):
    print(json.dumps(event), flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(f"{user}@localhost", user)
        self.ca_certs, self.leaving, self.up = ca, False, asyncio.Event()
        # all that it has sent since <enable/> and the server counts; the messages that were acknowledged
        self.sent, self.acked = [], 0
        self.add_filter("out_sync", self.remember)  # before the plugin's, which raises when it is disconnected
        self.register_plugin("xep_0198", {"window": 1})
        self.add_event_handler("session_start", self.start_session)
        self.add_event_handler("session_resumed", self.resumed)
        self.add_event_handler("disconnected", self.again)
        self.add_event_handler("message", lambda m: tell(got=m["body"]))
        for kind in ("available", "unavailable"):
            self.add_event_handler(f"presence_{kind}", self.presence)
        self.add_event_handler("stanza_acked", lambda stanza: self.count(isinstance(stanza, Message)))

    def start(self):
        self.connect(("127.0.0.1", port))

    def again(self, _):
        self.up.clear()
        if not self.leaving:
            self.start()

    def remember(self, stanza):
        managed = self["xep_0198"].enabled_out
        if managed and isinstance(stanza, (Iq, Message, Presence)):
            self.sent.append(stanza)
        if isinstance(stanza, Message) and not getattr(stanza, "again", False):
            tell(**{"said" if managed else "doubtful": stanza["body"]})
        return stanza

    def start_session(self, _):
        tell(bound=self.boundjid.full)
        self.send_presence()
        self.up.set()

    def resumed(self, _):
        h = self["xep_0198"].last_ack
        lost, self.sent = self.sent[h:], self.sent[:h]
        tell(resumed=h)
        self.count(sum(isinstance(stanza, Message) for stanza in self.sent) - self.acked)
        for stanza in lost:
            stanza.again = True
            self.send(stanza)
        self.up.set()

    def count(self, more):
        self.acked += more
        tell(acked=int(more))

    def presence(self, presence):
        if presence["from"].user == to:
            tell(presence=presence["type"] if presence["type"] == "unavailable" else "available", **{"from": str(presence["from"])})

    async def obey(self, orders):
        while line := await orders.readline():
            order = json.loads(line)
            for body in order.get("say", []):
                await self.up.wait()
                self.send_message(f"{to}@localhost", body, mtype="chat")
                await asyncio.sleep(order.get("pace", 0) / 1000)
            await asyncio.sleep(0.1)
            if self.up.is_set():
                # the plugin's <r/> goes out before the stanza that it is sent for, so that nobody would ask for the last one
                self["xep_0198"].request_ack()
            if order.get("leave"):
                self.leaving = True
                await self.disconnect()
                tell(left=True)
                return


async def main():
    orders = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    client = Client()
    client.start()
    await client.obey(orders)

asyncio.get_event_loop().run_until_complete(main())
