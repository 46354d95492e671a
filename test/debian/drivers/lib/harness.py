"""What the client drivers share: arguments, steps, an echo peer, tmux, care for what was started.

A driver is one Python file that does

    from harness import Run
    with Run("name") as run: ...

and calls run.step("login", ok, "detail").  Everything a driver starts is a child of its own and is ended by
process-group id.  Nothing here knows which server is under test: evidence comes from the client (its screen, its log)
or from the peer's side.
"""
import asyncio, logging, os, shutil, signal, subprocess, sys, tempfile, threading, time, traceback, uuid

import slixmpp

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CA = os.environ.get("CA")


class Peer(slixmpp.ClientXMPP):
    """A small slixmpp account that approves every subscription, asks for one back and echoes chats."""

    def __init__(self, jid, password):
        super().__init__(jid, password)
        self.events = []              # (time, kind, from, text)
        self.auto_reconnect = False
        self.roster.auto_authorize = True
        self.roster.auto_subscribe = True
        self.ca_certs = CA
        for p in ("xep_0030", "xep_0199", "xep_0184"):
            self.register_plugin(p)
        self.add_event_handler("session_start", self._start)
        self.add_event_handler("failed_auth", lambda e: self.note("failed_auth"))
        self.add_event_handler("disconnected", lambda e: self.note("disconnected", "", str(e)))
        self.add_event_handler("connection_failed", lambda e: self.note("connection_failed", "", str(e)))
        self.add_event_handler("message", self._message)
        for kind in ("presence_subscribe", "presence_available", "presence_unavailable"):
            self.add_event_handler(kind, lambda p, kind=kind: self.note(kind, p["from"]))

    def note(self, kind, frm="", text=""):
        self.events.append((time.time(), kind, str(frm), text))

    async def _start(self, _):
        await self.get_roster()
        self.send_presence()
        self.note("session_start")

    def _message(self, m):
        self.note("message:" + m["type"], m["from"], m["body"])
        if m["type"] in ("chat", "normal") and m["body"] and not m["body"].startswith(("echo: ", "?OTR")):
            self.make_message(mto=m["from"], mbody="echo: " + m["body"], mtype="chat").send()


class PeerThread:
    """Runs a Peer in a thread with its own event loop."""

    def __init__(self, host, port, jid, password):
        self.args = (host, port, jid, password)
        self.ready = threading.Event()
        threading.Thread(target=self._main, daemon=True).start()
        self.ready.wait(5)

    def _main(self):
        host, port, jid, password = self.args
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.xmpp = Peer(jid, password)
        self.xmpp.loop = self.loop
        self.xmpp.connect((host, port))
        self.ready.set()
        self.loop.run_forever()

    def call(self, fn, timeout=15):
        async def run():
            r = fn(self.xmpp)
            return await r if asyncio.iscoroutine(r) or isinstance(r, asyncio.Future) else r
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout)

    def wait(self, kind, test=lambda e: True, timeout=20, since=0.0):
        end = time.time() + timeout
        while time.time() < end:
            for e in list(self.xmpp.events):
                if e[0] >= since and e[1].startswith(kind) and test(e):
                    return e
            time.sleep(0.05)
        return None

    def send(self, to, body):
        """Sends, and waits until the server has answered what was sent after it."""
        async def go(x):
            x.send_message(mto=to, mbody=body, mtype="chat")
            await x["xep_0199"].send_ping(x.boundjid.domain)
        self.call(go)

    def stop(self):
        try:
            self.call(lambda x: asyncio.wait_for(x.disconnect(wait=1.0), 3), 5)
        except Exception:
            pass
        self.loop.call_soon_threadsafe(self.loop.stop)


class Run:
    def __init__(self, name, limit=90):
        if len(sys.argv) != 7:
            print(f"usage: CA=FILE {sys.argv[0]} HOST PORT DOMAIN USER PASS PEER")
            sys.exit(2)
        host, port, self.domain, self.user, self.password, peer = sys.argv[1:]
        self.name, self.host, self.port, self.limit = name, host, int(port), limit
        self.jid = f"{self.user}@{self.domain}"
        self.peer_jid = f"{peer}@{self.domain}"
        self.home = tempfile.mkdtemp(prefix=name + "-")
        self.nonce = uuid.uuid4().hex[:8]
        self.hello = f"hello-{self.nonce}"
        self.reply = f"echo: {self.hello}"
        self.offline = f"offline-{self.nonce}"
        self.failed, self.steps, self.procs, self.log = 0, 0, [], []
        self.t0 = time.time()
        self.peer = self.sock = None
        self.env = dict(os.environ, HOME=self.home, XDG_CONFIG_HOME=self.home + "/.config",
                        XDG_DATA_HOME=self.home + "/.local/share", XDG_CACHE_HOME=self.home + "/.cache",
                        XDG_STATE_HOME=self.home + "/.local/state", XDG_RUNTIME_DIR=self.home + "/run",
                        LANG="C.UTF-8", LC_ALL="C.UTF-8", TERM="xterm-256color", PATH="/usr/bin:/bin",
                        PYTHONDONTWRITEBYTECODE="1")
        for d in (".config", ".local/share", ".cache", "run"):
            os.makedirs(f"{self.home}/{d}", mode=0o700)
        for k in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PYTHONPATH", "TMUX"):
            self.env.pop(k, None)

    def write(self, path, text):
        """Seeds a file of the client's home."""
        path = f"{self.home}/{path}"
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)

    # ---- life
    def __enter__(self):
        signal.signal(signal.SIGALRM, self._alarm)
        signal.alarm(self.limit)
        for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(s, lambda *a: sys.exit(3))
        try:
            self.peer = PeerThread(self.host, self.port, self.peer_jid + "/echo", self.password)
            self.need("peer-login", self.peer.wait("session_start", timeout=15), self.peer_jid)
        except BaseException:
            self.__exit__(*sys.exc_info())      # which does not return
        return self

    def _alarm(self, *a):
        raise TimeoutError(f"hard limit of {self.limit} s")

    def __exit__(self, et, ev, tb):
        signal.alarm(0)
        if et is not None and et is not Stop:   # a driver's own failure
            traceback.print_exception(et, ev, tb)
            self.step("driver", False, f"{et.__name__}: {ev}")
        if self.failed:
            self.show()
        if self.peer:
            self.peer.stop()
        for p in reversed(self.procs):
            self.stop(p, 3)
        shutil.rmtree(self.home, ignore_errors=True)
        print(f"{'FAIL' if self.failed else 'PASS'} {self.name}: {self.steps - self.failed}/{self.steps} steps, "
              f"{time.time() - self.t0:.1f} s", flush=True)
        os._exit(1 if self.failed else 0)

    def step(self, name, ok, detail=""):
        self.steps += 1
        if not ok:
            self.failed += 1
        print(f"{'PASS' if ok else 'FAIL'} {name:17s} {time.time() - self.t0:6.1f}s  {detail}", flush=True)
        return bool(ok)

    def need(self, name, ok, detail=""):
        """A step without which the rest makes no sense."""
        if not self.step(name, ok, detail):
            raise Stop

    def show(self):
        """What is left to look at where a step has failed."""
        if self.peer:
            print("     the peer saw " + " ".join(f"{kind}({frm}{text})" for _, kind, frm, text in self.peer.xmpp.events))
        for l in (self.screen().splitlines() if self.sock else self.log):
            if l.strip(" │"):
                print("     | " + l)
        sys.stdout.flush()

    # ---- processes
    def spawn(self, argv, **kw):
        p = subprocess.Popen(argv, start_new_session=True, cwd=self.home, **dict({"env": self.env}, **kw))
        self.procs.append(p)
        return p

    def stop(self, p, wait=5):
        """TERM, then KILL the process group that this driver made for p."""
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(p.pid, sig)
            except (ProcessLookupError, PermissionError):
                pass
            try:
                p.wait(wait)
                if sig == signal.SIGTERM:
                    time.sleep(0.2)
                    try:
                        os.killpg(p.pid, 0)
                        continue
                    except ProcessLookupError:
                        pass
                break
            except subprocess.TimeoutExpired:
                continue
        if p in self.procs:
            self.procs.remove(p)

    def until(self, fn, timeout=20, every=0.1):
        end = time.time() + timeout
        while True:
            try:
                v = fn()
            except (OSError, ValueError, LookupError):
                v = None
            if v or time.time() > end:
                return v
            time.sleep(every)

    # ---- terminal
    def tmux(self, cmd, size=(140, 45)):
        self.sock = f"{self.home}/tmux.sock"
        # 'tmux -D' keeps the server in the foreground, so that it is a child we can end by id
        self.spawn(["tmux", "-D", "-S", self.sock, "-f", "/dev/null"], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.until(lambda: os.path.exists(self.sock), 5)
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "c", "-x", str(size[0]), "-y", str(size[1]), cmd)

    def _tmux(self, *argv):
        return subprocess.run(["tmux", "-S", self.sock, *argv], env=self.env, timeout=10, cwd=self.home, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True).stdout

    def line(self, text, pause=0.4):
        self._tmux("send-keys", "-t", "c", "-l", "--", text)
        self._tmux("send-keys", "-t", "c", "Enter")
        time.sleep(pause)

    def screen(self):
        return self._tmux("capture-pane", "-p", "-t", "c", "-S", "-200")

    def on_screen(self, text, timeout=20):
        def there():
            screen = self.screen()
            return text in screen or text in screen.replace("\n", " ")
        return self.until(there, timeout)

    # ---- what the peer saw
    def peer_saw(self, kind, text=None, timeout=20, since=0.0):
        return self.peer.wait(kind, lambda e: e[2].split("/")[0] == self.jid and (text is None or text in e[3]),
                              timeout, since)


class Stop(Exception):
    pass


def grep_tree(root, needle):
    """The file under root that holds the text (client logs)."""
    b = needle.encode()
    for d, _, fs in os.walk(root):
        for f in fs:
            with open(os.path.join(d, f), "rb") as h:
                if b in h.read():
                    return os.path.join(d, f)
    return None


logging.basicConfig(level=os.environ.get("PEERLOG", "CRITICAL"), stream=sys.stderr)
