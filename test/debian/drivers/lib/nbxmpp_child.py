"""nbxmpp (the library of Gajim) as a line client, GLib main loop.  nbxmpp takes GLib's default CAs: here the one given."""
import os, sys, threading
import gi
from gi.repository import Gio, GLib
from nbxmpp.client import Client
from nbxmpp.protocol import Message, Presence, Iq, JID
from nbxmpp.structs import StanzaHandler
from nbxmpp.const import ConnectionProtocol, ConnectionType, Mode
from nbxmpp.addresses import ServerAddress
from nbxmpp.errors import StanzaError
E = os.environ
def say(s): print(s, flush=True)
Gio.TlsBackend.get_default().set_default_database(Gio.TlsFileDatabase.new(E["CA"]))
c = Client()
c.set_domain(E["DOMAIN"]); c.set_username(E["XUSER"]); c.set_password(E["XPASS"]); c.set_resource("nbxmpp")
c.set_custom_host(f"{E['HOST']}:{E['PORT']}", ConnectionProtocol.TCP, ConnectionType.START_TLS)
def on_msg(_c, st, props):
    if props.body: say("GOT " + props.body)
def on_pres(_c, st, props):
    if st.getType() == "subscribe":
        c.send_stanza(Presence(to=st.getFrom().bare, typ="subscribed"))
c.register_handler(StanzaHandler(name="message", callback=on_msg, priority=50))
c.register_handler(StanzaHandler(name="presence", callback=on_pres, priority=50))
pending = [0]
keep = []
def ask(name, fn):
    pending[0] += 1
    def done(task):
        try:
            task.finish(); say(f"IQ {name} ok")
        except StanzaError as e: say(f"IQ {name} error {e.condition}")
        except Exception as e: say(f"IQ {name} {type(e).__name__} {e}")
        pending[0] -= 1
        if not pending[0]: say("READY")
    keep.append(done)             # nbxmpp holds its callbacks by weak reference
    fn(callback=done)
def connected(*a):
    say(f"ONLINE {c.get_bound_jid()}")
    c.send_stanza(Presence())
    g = c.get_module
    ask("roster", lambda callback: g("Roster").request_roster(None, callback=callback))
    ask("disco-server", lambda callback: g("Discovery").disco_info(E["DOMAIN"], callback=callback))
    ask("bookmarks", lambda callback: g("NativeBookmarks").request_bookmarks(callback=callback))
    ask("blocking", lambda callback: g("Blocking").request_blocking_list(callback=callback))
c.subscribe("connected", connected)
c.subscribe("connection-failed", lambda *a: (say(f"NOTE failed {a} {c.get_error()}"), loop.quit()))
c.subscribe("disconnected", lambda *a: (say(f"NOTE disconnected {c.get_error()}"), loop.quit()))
def cmd(l):
    k, *r = l.rstrip("\n").split(" ", 2)
    if k == "add":
        c.get_module("Roster").set_item(r[0], "Peer"); c.send_stanza(Presence(to=r[0], typ="subscribe"))
    elif k == "msg": c.send_stanza(Message(to=r[0], body=r[1], typ="chat"))
    else: c.disconnect()
def reader():
    for l in sys.stdin: GLib.idle_add(cmd, l)
threading.Thread(target=reader, daemon=True).start()
loop = GLib.MainLoop()
c.connect(); loop.run()
os._exit(0)
