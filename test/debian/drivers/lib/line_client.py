"""Drives a library client that is a child process speaking lines:
   child -> driver: ONLINE info | IQ name result | READY | GOT body | NOTE text
   driver -> child: add JID | msg JID TEXT | bye"""
import subprocess, threading, time
from harness import CA, TOOLS


class Child:
    def __init__(self, run, script):
        self.run, self.lines = run, []
        self.p = run.spawn(["/usr/bin/python3", "-W", "ignore", f"{TOOLS}/lib/{script}"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env=dict(run.env, CA=CA, HOST=run.host, PORT=str(run.port), DOMAIN=run.domain,
                                    XUSER=run.user, XPASS=run.password))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for l in self.p.stdout:
            self.lines.append(l.decode("utf-8", "replace").rstrip("\n"))
            self.run.log.append(self.lines[-1])

    def cmd(self, text):
        self.p.stdin.write(text.encode() + b"\n")
        self.p.stdin.flush()

    def wait(self, start, timeout=20):
        return self.run.until(lambda: next((l for l in list(self.lines) if l.startswith(start)), None), timeout, 0.05)


def scenario(run, script):
    c = Child(run, script)
    run.need("login", c.wait("ONLINE", 30), c.wait("ONLINE", 0) or "; ".join(c.lines[-3:]))
    ready = c.wait("READY", 25)
    for l in [l for l in c.lines if l.startswith("IQ ")]:
        _, name, res = l.split(" ", 2)
        run.step("iq-" + name, res.startswith(("ok", "error item-not-found")), res[:100])
    run.step("all-answered", ready)
    c.cmd("add " + run.peer_jid)
    run.step("add-contact", run.peer_saw("presence_subscribe"))
    run.step("mutual", run.peer_saw("presence_available"))
    c.cmd(f"msg {run.peer_jid} {run.hello}")
    run.step("send", run.peer_saw("message", run.hello))
    run.step("reply", c.wait("GOT " + run.reply))
    t = time.time()
    c.cmd("bye")
    run.step("offline", run.peer_saw("presence_unavailable", since=t))
    run.until(lambda: c.p.poll() is not None, 5)
    run.stop(c.p)
    run.peer.send(run.jid, run.offline)
    t = time.time()
    c = Child(run, script)
    run.step("online-again", run.peer_saw("presence_available", since=t, timeout=25))
    run.step("offline-msg", c.wait("GOT " + run.offline))
    t = time.time()
    c.cmd("bye")
    run.step("quit", run.peer_saw("presence_unavailable", since=t))
