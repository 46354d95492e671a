#!/usr/bin/python3
"""slixmpp (Debian python3-slixmpp) as client under test."""
import asyncio, os, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from harness import Run, CA
import slixmpp


class C(slixmpp.ClientXMPP):
    def __init__(self, jid, pw):
        super().__init__(jid, pw)
        self.ca_certs = CA
        self.auto_reconnect = False
        self.got, self.up, self.info = [], threading.Event(), {}
        for p in ("xep_0030", "xep_0004", "xep_0054", "xep_0060", "xep_0163", "xep_0085", "xep_0115", "xep_0184",
                  "xep_0191", "xep_0198", "xep_0199", "xep_0280", "xep_0313", "xep_0049", "xep_0048", "xep_0092",
                  "xep_0333", "xep_0352", "xep_0045"):
            self.register_plugin(p)
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", lambda m: self.got.append(str(m["body"])))

    async def start(self, _):
        async def ask(name, co):
            try:
                r = await asyncio.wait_for(co, 10)
                self.info[name] = "ok"
                return r
            except slixmpp.exceptions.IqError as e:
                self.info[name] = "error " + e.condition
            except (slixmpp.exceptions.IqTimeout, asyncio.TimeoutError):
                self.info[name] = "timeout"
            except Exception as e:
                self.info[name] = "%s %s" % (type(e).__name__, e)
        await ask("roster", self.get_roster())
        self.send_presence()
        dom = self.boundjid.domain
        await ask("disco-server", self["xep_0030"].get_info(jid=dom))
        await ask("disco-account", self["xep_0030"].get_info(jid=self.boundjid.bare))
        await ask("disco-items", self["xep_0030"].get_items(jid=dom))
        await ask("carbons", self["xep_0280"].enable())
        await ask("blocklist", self["xep_0191"].get_blocked())
        await ask("vcard", self["xep_0054"].get_vcard())
        await ask("private-bookmarks", self["xep_0048"].get_bookmarks(method="xep_0049"))
        await ask("pep-bookmarks", self["xep_0060"].get_items(self.boundjid.bare, "urn:xmpp:bookmarks:1"))
        await ask("ping", self["xep_0199"].send_ping(dom))
        await ask("version", self["xep_0092"].get_version(dom))
        self["xep_0352"].send_active()

        async def mam():    # slixmpp's iterator ends at an error as at an empty archive: this passes without one, too
            n = 0
            async for _ in self["xep_0313"].iterate(rsm={"max": 20}, total=20):
                n += 1
            return n
        await ask("mam", mam())
        self.up.set()


def session(run):
    box = {}
    def main():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        c = C(run.jid + "/slix", run.password)
        c.loop = loop
        c.connect((run.host, run.port))
        box.update(c=c, loop=loop)
        loop.run_forever()
    threading.Thread(target=main, daemon=True).start()
    run.until(lambda: "c" in box, 5)
    return box["c"], box["loop"]


def call(loop, fn):
    async def go():
        r = fn()
        return await r if asyncio.iscoroutine(r) or isinstance(r, asyncio.Future) else r
    return asyncio.run_coroutine_threadsafe(go(), loop).result(10)


with Run("slixmpp") as run:
    c, loop = session(run)
    run.need("login", c.up.wait(25), "%s sasl=%s" % (c.boundjid, getattr(c["feature_mechanisms"], "mech", None) and c["feature_mechanisms"].mech.name))
    for k, v in c.info.items():
        run.step("iq-" + k, v == "ok" or (v == "error item-not-found" and "bookmarks" in k), v)
    call(loop, lambda: c.send_presence_subscription(run.peer_jid, ptype="subscribe"))
    run.step("add-contact", run.peer_saw("presence_subscribe"))
    run.step("mutual", run.peer_saw("presence_available"))
    def say():
        m = c.make_message(mto=run.peer_jid, mbody=run.hello, mtype="chat")
        m["chat_state"] = "active"
        m["request_receipt"] = True
        m.send()
    call(loop, say)
    run.step("send", run.peer_saw("message", run.hello))
    run.step("reply", run.until(lambda: run.reply in c.got, 15))
    t = time.time()
    call(loop, lambda: c.disconnect(wait=1.0))
    run.step("offline", run.peer_saw("presence_unavailable", since=t))
    loop.call_soon_threadsafe(loop.stop)
    run.peer.send(run.jid, run.offline)
    c, loop = session(run)
    run.step("login-again", c.up.wait(25))
    run.step("offline-msg", run.until(lambda: run.offline in c.got, 15))
    call(loop, lambda: c.disconnect(wait=1.0))
