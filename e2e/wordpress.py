"""WordPress of Debian: its feeds by the kind `feed`, and its REST API by the kind `json`.

Posts and comments are written by WordPress's own REST API. What a feed cannot say (a deletion) the REST API can.
"""

import datetime
import json
import os
import shutil
import time

from suite import Daemon, Skipped, check, clock, eventually, free_port, http, post, program

SOURCE = "/usr/share/wordpress"


def server(place):
    """MariaDB and WordPress over it; the address, its version, and who may write."""
    php = program("php", "php-cli php-mysql php-xml php-mbstring")
    install, mariadbd = program("mariadb-install-db", "mariadb-server-core"), program("mariadbd", "mariadb-server-core")
    if not os.path.exists(f"{SOURCE}/wp-load.php"):
        raise Skipped("WordPress is missing; on Debian: apt-get install wordpress")
    data, door, site = place.folder / "data", place.folder / "db", place.folder / "site"
    me = ["--user=root"] if os.geteuid() == 0 else []
    place.run([install, "--no-defaults", *me, f"--datadir={data}", "--auth-root-authentication-method=normal"])
    database = place.start(
        "mariadb", [mariadbd, "--no-defaults", *me, f"--datadir={data}", f"--socket={door}", "--skip-networking"]
    )
    query = [program("mariadb", "mariadb-client-core"), "--no-defaults", "-uroot", f"--socket={door}"]

    def ready():
        check(database.poll() is None, f"mariadb ended: {place.said('mariadb')[-1500:]}")
        return door.exists() and place.run([*query, "-e", "create database if not exists wordpress"]) is not None

    eventually("the database", ready)
    shutil.copytree(SOURCE, site, symlinks=False, ignore_dangling_symlinks=True)
    url = f"http://127.0.0.1:{free_port()}"
    (site / "wp-config.php").unlink(missing_ok=True)
    (site / "wp-config.php").write_text(
        f"""<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{door}'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
$table_prefix = 'wp_';
define('WP_HOME', '{url}'); define('WP_SITEURL', '{url}');
// Application passwords without TLS, nothing asked of the network, nothing done beside what is asked.
define('WP_ENVIRONMENT_TYPE', 'local'); define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""
    )
    said = place.run([php, "-d", "error_reporting=0", "e2e/wordpress.php", site, url])
    made = json.loads(said[said.index('{"version"') :])
    port = url.rsplit(":", 1)[1]
    web = place.start("wordpress", [php, "-S", f"127.0.0.1:{port}", "-t", site, "-d", "display_errors=0"])
    place.answers(web, int(port))
    return url, made["version"], {name: (name, word) for name, word in made["passwords"].items()}


def parsed(instant):
    return datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp()


def part(place):
    url, version, who = server(place)
    daemon = Daemon(
        place,
        f"""
[[sources]]
id = "feed"
kind = "feed"
params = {{ url = "{url}/feed/", interval = "1s", allow_private = true }}

[[sources]]
id = "comments-feed"
kind = "feed"
params = {{ url = "{url}/comments/feed/", interval = "1s", allow_private = true, kind = "comment" }}

[[sources]]
id = "posts"
kind = "json"
params = {{ preset = "wordpress", blog = "{url}", interval = "1s", per_minute = 600, allow_private = true }}

[[sources]]
id = "comments"
kind = "json"
params = {{ preset = "wordpress_comments", blog = "{url}", interval = "1s", per_minute = 600, allow_private = true }}
""",
    )

    def write(path, body, by="bo"):
        status, made = http("POST", f"{url}/wp-json/wp/v2/{path}", body, user=who[by])
        check(status in (200, 201), f"WordPress refused {path}: {status} {made}")
        return made["id"]

    def publish(title, words):
        return write("posts", {"title": title, "content": f"<p>{words}</p>", "status": "publish"})

    daemon.start()
    first = publish("Acme &amp; us", "The <b>Acme app</b> crashed again – awful, one-one.")
    second = publish("Two", "Acme lost my order, two-two.")
    answer = write("comments", {"post": first, "content": "Acme? Never again, says three-three."}, by="ann")
    posts, answers = ["feed", "posts"], ["comments-feed", "comments"]
    wanted = [("one-one", posts), ("two-two", posts), ("three-three", answers)]
    past = clock()
    for words, sources in wanted:
        for source in sources:
            daemon.finds(words, source)
    slow = past()
    for source in posts:
        found = post(daemon.about("one-one", source)[0])
        read = (found["title"], found["author"], found["url"].removeprefix(url), found["kind"])
        check(read in [("Acme & us", "bo", "/acme-us/", "article")], f"{source} read {found}")
        check("The Acme app crashed again – awful, one-one." in found["text"], f"{source} read {found}")
        # The blog's own clock is five hours behind.
        age = time.time() - parsed(found["created_at"])
        check(-5 < age < 300, f"{source} dates it {found['created_at']}")
    check(post(daemon.about("three-three", "comments")[0])["author"] == "Ann", "the comment is Ann's")
    write(f"posts/{first}", {"content": "<p>The Acme app works, four-four.</p>"})
    past = clock()
    for source in posts:
        daemon.finds("four-four", source, revision=2)
    yield (
        f"WordPress {version}: 2 posts and a comment; by the feeds and by the REST API each was found once, all "
        f"within {slow}, an edit as revision 2 within {past()}"
    )

    daemon.end()
    publish("Three", "Nobody looked: Acme, five-five.")
    daemon.start()
    past = clock()
    for source in posts:
        daemon.finds("five-five", source)
    missed = past()
    # The log of the server: an unchanged feed costs a 304.
    unchanged = eventually("a 304", lambda: place.said("wordpress").count("[304]: GET /feed/"))
    for source, kept in [("feed", 3), ("posts", 3), ("comments-feed", 1), ("comments", 1)]:
        daemon.stands(source, kept)
    yield f"posted while the daemon was down: found {missed} after its start, none twice; {unchanged} looks at the feed cost a 304"

    [bin], [spam] = daemon.ids("posts", "two-two"), daemon.ids("comments", "three-three")
    for path in (f"posts/{second}", f"comments/{answer}"):
        status, said = http("DELETE", f"{url}/wp-json/wp/v2/{path}", user=who["bo"])
        check(status == 200 and said["status"] == "trash", f"{path} was not put into the bin: {status} {said}")
    # Young posts are asked for again when they are six hours old.
    daemon.restart(ahead="7h")
    past = clock()
    daemon.erases([bin], "posts")
    daemon.erases([spam], "comments")
    gone = past()
    for source, kept, erased in [("feed", 3, 0), ("posts", 2, 1), ("comments-feed", 1, 0), ("comments", 0, 1)]:
        daemon.stands(source, kept, erased)
    daemon.end()
    yield (
        f"a post and a comment were put into the bin: by the REST API both erased {gone} after a start seven hours "
        "later; a feed does not say what was deleted, and what it brought stays until its retention ends"
    )
