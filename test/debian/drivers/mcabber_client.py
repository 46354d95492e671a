#!/usr/bin/python3
"""mcabber in a private tmux, told what to do through its own FIFO (it takes fast keys for a paste)."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from harness import Run, CA, grep_tree

with Run("mcabber") as run:
    os.makedirs(run.home + "/.mcabber/histo", mode=0o700)
    run.write(".mcabber/mcabberrc", f"""set jid = {run.jid}
set password = {run.password}
set server = {run.host}
set port = {run.port}
set resource = mcabber
set tls = 1
set ssl_ca = {CA}
set logging = 1
set load_logs = 0
set logging_dir = {run.home}/.mcabber/histo/
set beep_on_message = 0
set fifo_name = {run.home}/.mcabber/fifo
module load fifo
""")
    run.tmux("mcabber")
    run.need("login", run.on_screen("Your status has been set", 20))
    fifo = os.open(run.home + "/.mcabber/fifo", os.O_WRONLY | os.O_NONBLOCK)
    line = lambda text: os.write(fifo, text.encode() + b"\n")
    logged = lambda text: run.until(lambda: grep_tree(run.home + "/.mcabber/histo", text))
    line(f"/add {run.peer_jid} Peer")
    run.step("add-contact", run.peer_saw("presence_subscribe"))
    run.step("asked", run.on_screen("wants to subscribe to your presence"))
    line("/event * accept")
    run.step("mutual", run.peer_saw("presence_available"))
    line(f"/say_to {run.peer_jid} {run.hello}")
    run.step("send", run.peer_saw("message", run.hello))
    run.step("reply", logged(run.reply), "in the history log")
    t = time.time()
    line("/disconnect")
    run.step("offline", run.peer_saw("presence_unavailable", since=t))
    run.peer.send(run.jid, run.offline)
    t = time.time()
    line("/connect")
    run.step("online-again", run.peer_saw("presence_available", since=t))
    run.step("offline-msg", logged(run.offline), "in the history log")
    t = time.time()
    line("/quit")
    run.step("quit", run.peer_saw("presence_unavailable", since=t))
