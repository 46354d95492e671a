#!/usr/bin/python3
"""profanity in a private tmux."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from harness import Run, CA

with Run("profanity") as run:
    run.write(".config/profanity/profrc", """[ui]
beep=false
flash=false
splash=false
[logging]
chlog=true
[tls]
show=true
certpath=none
[connection]
reconnect=0
[notifications]
message=false
""")
    run.write(".local/share/profanity/accounts", f"""[{run.jid}]
enabled=true
jid={run.jid}
resource=prof
server={run.host}
port={run.port}
password={run.password}
tls.policy=force
presence.last=online
presence.login=online
""")
    # without a path of its own it takes OpenSSL's default, which this names
    run.env["SSL_CERT_FILE"] = CA
    run.tmux("profanity")
    run.on_screen("Type '/help'", 10) or time.sleep(1)
    run.line(f"/connect {run.jid}")
    run.need("login", run.on_screen("logged in successfully", 20))
    run.line(f"/roster add {run.peer_jid} Peer")
    run.line(f"/sub request {run.peer_jid}")
    run.step("add-contact", run.peer_saw("presence_subscribe"))
    run.line(f"/sub allow {run.peer_jid}")
    run.step("mutual", run.peer_saw("presence_available"))
    run.line(f"/msg {run.peer_jid} {run.hello}")
    run.step("send", run.peer_saw("message", run.hello))
    run.step("reply", run.on_screen(run.reply))
    t = time.time()
    run.line("/disconnect")
    run.step("offline", run.peer_saw("presence_unavailable", since=t))
    run.peer.send(run.jid, run.offline)
    t = time.time()
    run.line(f"/connect {run.jid}")
    run.step("online-again", run.peer_saw("presence_available", since=t))
    run.line(f"/msg {run.peer_jid}")
    run.step("offline-msg", run.on_screen(run.offline, 10))
    t = time.time()
    run.line("/quit")
    run.step("quit", run.peer_saw("presence_unavailable", since=t))
