"""Two brands in one post, with opposite verdicts: what teaches, and what measures, the target.

A post is made of two labelled rows about different targets, joined by a sentence or a sign; each
target then keeps its own row's label. What measures is made of held-back rows and of joining
sentences that stand in `MEASURED_JOINS` and nowhere else; what teaches, of the rest.

The comparisons at the end are of our own making, with names nobody bears.
"""

import re

from texts import HELD_BACK, SEEN, TRAINING, Row, clean, same_text

TAUGHT_JOINS = (
    " ", " . ", "\n", " - ", " ... ", " | ", "; ", " and ", " but ", " while ", " whereas ", " And then there is the other one: ",
    " On the other hand, ", " Meanwhile: ", " Also, ", " By the way: ", " In other news, ", " As for the rest: ",
)
MEASURED_JOINS = (
    " — ", " / ", " yet ", " although ", " Then again, ", " A different story: ", " To change the subject: ",
    " That was one thing, here is another. ", " Compare this: ", " And now for the opposite. ",
)
MOST_WORDS = 24

# {w}: who comes out well, {l}: who does not.
TAUGHT_COMPARISONS = (
    "Switched from {l} to {w} and never looked back", "{w} is so much better than {l}", "I love {w} but I hate {l}",
    "I hate {l} but I love {w}", "{l} is garbage compared to {w}", "{w} >>> {l}", "{l} < {w}",
    "Finally left {l} for {w}, best decision ever", "{w} works great, {l} keeps crashing",
    "{l} keeps crashing while {w} just works", "Why does {l} fail at everything that {w} does well?",
    "Thanks {w} for the quick help, {l} never even replied", "{l} never replied, {w} answered in a minute",
    "If {l} was half as good as {w} I would not be leaving", "{w} wins, {l} loses. Simple as that.",
    "Support at {w}: wonderful. Support at {l}: a joke.", "Support at {l}: awful. Support at {w}: lovely.",
    "my {l} broke again, my {w} runs like on day one", "I'd pick {w} over {l} any day", "{l} ruined my week, {w} saved it",
    "Don't buy {l}, get {w} instead", "Get {w} instead of {l}, you will thank me", "{l} could learn a lot from {w}",
    "used {l} for years, what a waste of money. {w} is amazing", "{w} has beaten {l} again and I am happy about it",
)
MEASURED_COMPARISONS = (
    "Moved over to {w} after {l} let me down once too often", "{w} makes {l} look like a toy",
    "{l} lost my parcel, {w} delivered a day early", "Nothing against {w}, superb team, but {l} is a disaster",
    "{l}: two stars at best. {w}: five stars.", "{w}: five stars. {l}: two stars at best.",
    "I regret every cent I gave {l}; with {w} I am delighted", "{w} fixed in an hour what {l} could not fix in a month",
    "Sorry {l}, {w} treats me better", "You can trust {w}. You cannot trust {l}.",
)
SYLLABLES = ("ac", "ba", "cor", "del", "el", "fin", "glo", "hy", "ini", "jor", "ka", "lum", "mer", "no", "or", "pra", "qui",
             "ra", "sol", "tri", "um", "vel", "wex", "yon", "zen")


def stands_in(target, text):
    return bool(target) and re.search(rf"(?<!\w)[@#]?{re.escape(target)}(?!\w)", text, re.I) is not None


def usable(rows, wanted):
    """Short rows with a verdict on a target that stands in them, cleaned."""
    found = []
    for row in rows:
        if row.target is None or row.label is None or row.part not in wanted:
            continue
        text, target = clean(row.text, row.target)
        if target and len(text.split()) <= MOST_WORDS and stands_in(target, text):
            found.append((text, target, row.label))
    return found


def made_name(rng):
    name = "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3))))
    return name.capitalize() if rng.random() < 0.7 else name


def rename(text, old, new):
    return re.sub(rf"(?<!\w)([@#]?){re.escape(old)}(?!\w)", lambda found: found.group(1) + new, text, flags=re.I)


def posts(rows, joins, rng, how_many, opposite_only=False, renamed=0.5):
    """[(text, [(target, label), (target, label)])] from rows as `usable` gives them."""
    made = []
    by_label = {label: [row for row in rows if row[2] == label] for label in (0, 1, 2)}
    while len(made) < how_many:
        if opposite_only or rng.random() < 0.75:
            first, second = by_label[0], by_label[2]
        else:
            first, second = rng.sample([by_label[0], by_label[1], by_label[2]], 2)
        (text_a, name_a, label_a), (text_b, name_b, label_b) = rng.choice(first), rng.choice(second)
        if rng.random() < renamed:
            new = made_name(rng)
            text_a, name_a = rename(text_a, name_a, new), new
        if rng.random() < renamed:
            new = made_name(rng)
            text_b, name_b = rename(text_b, name_b, new), new
        if stands_in(name_a, text_b) or stands_in(name_b, text_a) or name_a.lower() == name_b.lower():
            continue
        if rng.random() < 0.5:
            text_a, name_a, label_a, text_b, name_b, label_b = text_b, name_b, label_b, text_a, name_a, label_a
        made.append((text_a + rng.choice(joins) + text_b, [(name_a, label_a), (name_b, label_b)]))
    return made


def taught(rows, rng, how_many):
    """Rows for training; a quarter of them are comparisons of our own making."""
    out = []
    for text, sides in posts(usable(rows, (TRAINING,)), TAUGHT_JOINS, rng, how_many * 3 // 8):
        out += [Row("swap", text, label, target) for target, label in sides]
    names = [row.target for row in rows if row.target and row.part == TRAINING]
    while len(out) < how_many:
        well, badly = (made_name(rng) if rng.random() < 0.5 else clean("", rng.choice(names))[1] for _ in range(2))
        if well and badly and well.lower() != badly.lower():
            text = rng.choice(TAUGHT_COMPARISONS).format(w=well, l=badly)
            out += [Row("swap", text, 2, well), Row("swap", text, 0, badly)]
    return out


def measured(rows, rng, how_many=300):
    """Pairs of one post in both orders: [((text, text swapped), (target, label), (target, label))]."""
    trained = {same_text(row.text) for row in rows if row.part != HELD_BACK}
    fresh = [row for row in rows if row.part == HELD_BACK and row.set not in SEEN and same_text(row.text) not in trained]
    good = usable(fresh, (HELD_BACK,))
    pairs = []
    while len(pairs) < how_many:
        join = rng.choice(MEASURED_JOINS)
        a = rng.choice([row for row in good if row[2] == 0])
        b = rng.choice([row for row in good if row[2] == 2])
        if stands_in(a[1], b[0]) or stands_in(b[1], a[0]):
            continue
        pairs.append(((a[0] + join + b[0], b[0] + join + a[0]), (a[1], 0), (b[1], 2)))
    return pairs


def compared(rng, how_many=100):
    """Held-out comparisons; the second text has the two names change places."""
    pairs = []
    while len(pairs) < how_many:
        one, other = made_name(rng).capitalize(), made_name(rng).capitalize()
        if one.lower() != other.lower():
            sentence = rng.choice(MEASURED_COMPARISONS)
            pairs.append(((sentence.format(w=one, l=other), sentence.format(w=other, l=one)), one, other))
    return pairs


assert not set(TAUGHT_JOINS) & set(MEASURED_JOINS) and not set(TAUGHT_COMPARISONS) & set(MEASURED_COMPARISONS)
