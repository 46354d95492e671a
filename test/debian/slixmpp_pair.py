#!/usr/bin/python3
# Two slixmpp clients with their default settings, so that they log in as slixmpp does: it tries every -PLUS mechanism it
# is offered with tls-unique first, and falls back. Prints one line an event; run.ts reads them.
# After the way in which this project's own client drivers use slixmpp.
#   slixmpp_pair.py PORT CA
import asyncio
import ssl
import sys
import slixmpp

port, ca = int(sys.argv[1]), sys.argv[2]


class Client(slixmpp.ClientXMPP):
    def __init__(self, user):
        super().__init__(f"{user}@localhost/slixmpp", user)
        self.user, self.ca_certs, self.got = user, ca, asyncio.Queue()
        self.online = asyncio.get_event_loop().create_future()
        self.register_plugin("xep_0199")
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0203")
        self.add_event_handler("session_start", self.start_session)
        self.add_event_handler("message", self.got.put_nowait)
        self.add_event_handler("failed_all_auth", lambda _: self.online.set_exception(Exception("no mechanism worked")))

    async def start_session(self, _):
        self.send_presence()
        await self.get_roster()
        await self["xep_0199"].send_ping("localhost")
        self.online.set_result(True)

    async def log_in(self):
        self.connect(("127.0.0.1", port), disable_starttls=False)
        await asyncio.wait_for(self.online, 20)
        print(f"online {self.boundjid.full}", flush=True)

    async def message(self):
        got = await asyncio.wait_for(self.got.get(), 10)
        print(f"{self.user} got {got['body']} from {got['from']} delayed {bool(got.xml.find('{urn:xmpp:delay}delay') is not None)}", flush=True)


async def main():
    romeo, juliet = Client("romeo"), Client("juliet")
    await romeo.log_in()
    await juliet.log_in()
    romeo.send_message("juliet@localhost", "Neither, fair saint \u263a", mtype="chat")
    await juliet.message()
    info = await romeo["xep_0030"].get_info(jid="localhost")
    print("disco", sorted(f"{i[0]}/{i[1]}" for i in info["disco_info"]["identities"])[0], flush=True)
    await juliet.disconnect()
    romeo.send_message("juliet@localhost", "while you were away", mtype="chat")
    await romeo["xep_0199"].send_ping("localhost")
    again = Client("juliet")
    await again.log_in()
    await again.message()
    await again.disconnect()
    await romeo.disconnect()
    print("done", flush=True)

asyncio.get_event_loop().run_until_complete(main())
