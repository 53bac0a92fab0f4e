"""Does a post ask for an answer? Three outputs: a complaint, a question to us, a threat to leave.

Complaints are labelled by people. Questions and threats are found by the written rules below, in
the set of complaints and in other tweets; the network learns what such posts have in common and
so finds those that the rules, which know only a few words, do not.
"""

import re
from pathlib import Path

from texts import Row, clean, lines, part

KINDS = ("complaint", "question", "leaving")

HANDLE = re.compile(r"@\w")
ASKING = re.compile(
    r"\b(how|can|could|do|does|did|is|are|am|was|will|would|when|where|what|which|why|who|any|anyone|"
    r"should|has|have|may)\b[^?.!]{3,}\?", re.I)
LEAVING = re.compile(
    r"\b(i['’]?m (so )?(done|finished|through) with (you|your|them|this (company|brand|app|service|airline|bank))"
    r"|never (again )?(buy|buying|shop|shopping|fly|flying|use|using|order|ordering|going back|go back|return)"
    r"|(cancel|cancell?ing|cancelled|canceled) (my|our|the) (\w+ )?"
    r"(account|subscription|contract|membership|service|plan|order|prime|card|policy)"
    r"|(switch|switching|switched|moving|move|going|go) (over )?(to|back to) (another|a different|your competitor|"
    r"someone else|somebody else)"
    r"|tak(e|ing) (my|our) (business|money|custom) (elsewhere|somewhere)"
    r"|los(t|ing) (me|us|a|another) (as )?(a )?(loyal )?customer|lost my (business|custom)"
    r"|(last|final) time i (\w+ )?(buy|shop|fly|use|order|ever)"
    r"|(time|going|want|ready|about) to (switch|cancel|leave (you|them)))\b", re.I)


def asks(text):
    """A question put to somebody: a handle in the text, and a clause that begins as questions do."""
    return bool(HANDLE.search(text) and ASKING.search(clean(text)[0]))


def to_brand(text, target):
    """Whether a tweet is addressed to the brand: it begins with its handle."""
    return text.lstrip(" .\"").lower().startswith(f"@{target.lstrip('@#').lower()}")


def leaves(text):
    return bool(LEAVING.search(clean(text)[0]))


def read(data):
    """The complaints set with its three labels; None where no rule and no person decides."""
    for raw in lines(Path(data) / "aux" / "complaints.jsonl.gz"):
        text = raw["text"]
        ours = not raw["domain"].startswith("random")
        ask = [float(raw["orig_label"] == "complaint"),
               float(ours and asks(text)), float(leaves(text))]
        yield Row("complaints", text, None, None, part(text), ask=ask, raw=raw)


def threats(rows):
    """Rows of the other sets that threaten to leave, and which a person called negative."""
    for row in rows:
        if leaves(row.text) and row.label == 0 and row.set in ("tweets", "topics", "entities", "sanders", "sxsw"):
            yield Row("threats", row.text, None, None, row.part, ask=[None, None, 1.0], raw=row.raw)


# Of our own making. {b}: a made-up brand.
THREATS = (
    "I'm done with {b}, cancelling my account today", "@{b} you just lost a customer", "Time to look for something other than {b}",
    "Thinking of leaving {b} after ten years", "One more outage and I am switching away from {b}", "@{b} fix this or I'm gone",
    "If {b} does not sort this out I will take my business elsewhere", "Goodbye {b}, hello competition",
    "Never again {b}. Never again.", "that was my last order with {b}", "@{b} how do I close my account? I have had enough",
    "Our company is moving everything off {b} next quarter", "{b} raised prices again so we are leaving",
    "I've been a loyal {b} customer for years but this is the end", "I won't renew my {b} contract after this",
    "Any alternatives to {b}? I can't stand it any longer", "Looking at other providers because {b} won't answer",
    "you have until Friday @{b}, then I cancel", "Deleting the {b} app, not worth the trouble",
    "My next phone will not be a {b}", "I'd rather pay double elsewhere than stay with {b}", "we are done, @{b}",
    "bye {b} it was nice until it wasn't", "Unsubscribed from {b} and told my family to do the same",
    "That's it, {b}. Contract ends in March and so do we", "closing both of my {b} cards tomorrow morning", "@{b} tell me how to end my plan, now",
    "So long {b}. Your rival got my money today", "{b} was my bank for twenty years. Was.", "Taking my number to another provider, thanks for nothing {b}",
    "Can someone suggest a replacement for {b}? Fed up", "What do people use instead of {b} these days? I want out",
    "If my parcel isn't here by tomorrow you have seen the last of me @{b}", "This is the third time, {b}. There won't be a fourth, I quit",
    "we're pulling all our ads from {b} over this", "I have told my team to stop using {b} from Monday", "uninstalled {b}. What a relief",
    "Won't be flying {b} again after last night", "Never setting foot in a {b} again", "{b}, you have driven off a family of five today",
    "I am this close to dumping {b}", "just ported out of {b}, should have done it years ago", "No more {b} for me, ever",
    "Another price rise from {b}? I'm off to somebody cheaper", "{b} can kiss my subscription goodbye", "done. deleting everything {b} tonight",
    "I refuse to give {b} any more of my money", "as soon as my term is up I walk, {b}", "Our club is dropping {b} as its supplier",
    "@{b} refund me and shut my account", "Had enough of {b}, going elsewhere", "My relationship with {b} is over",
    "Boycott {b}. I do from now on", "{b} lost my trust and my business this morning", "Going with anybody else than {b} next time",
    "I'd sooner walk than use {b} again", "please remove my profile and data @{b}, I don't want to be your client any longer",
    "thanks to that call I'm now a former customer of {b}", "You pushed me to your competition, well done {b}",
)
STAYING = (
    "I will never leave {b}, best there is", "Just renewed my {b} contract for two more years", "Switched to {b} last month and love it",
    "{b} cancelled the event because of rain", "Done with the first season of {b}, so good", "Leaving for the {b} fair tomorrow",
    "The {b} store opens a new branch downtown", "Never been happier with a purchase than with my {b}",
    "{b} closes its account of the year with record sales", "I finally moved my data over to {b}, went smoothly",
    "Cancel your plans tonight, {b} has a new album", "last time I was at {b} the food was lovely",
    "{b} is leaving the index next week", "I deleted the wrong photo, can {b} bring it back?", "the end of the {b} film made me cry",
    "Moved closer to the {b} arena, so happy", "@{b} how do I change the address of my account?", "{b} is closed on Monday, says the sign",
    "{b} lost the match in the last minute", "goodbye summer, hello {b} pumpkin cake", "Not going anywhere, {b} takes good care of me",
    "Thought about switching, glad I stayed with {b}", "{b} refunded me within the hour, thank you", "My order from {b} is late again",
    "@{b} your site has been down all day", "never had a problem with {b}", "another coffee at {b} before the train goes",
    "{b} drops its new phone tonight", "the boss of {b} quits after ten years", "I quit my job at {b} today, what a ride",
)


def made_threats(seed, how_many=900):
    """Threats to leave, and what only sounds like them, about brands nobody knows."""
    import random

    from swap import made_name
    rng = random.Random(f"{seed}/threats")
    out = []
    for _ in range(how_many):
        leaving = rng.random() < 0.6
        text = rng.choice(THREATS if leaving else STAYING).format(b=made_name(rng))
        out.append(Row("made-threats", text, None, None, ask=[None, None, float(leaving)]))
    return out


# What measures, and stands nowhere else.
MEASURED_THREATS = (
    "{b} has had its chance, we are moving on", "I'm out. {b} can keep their app", "Congratulations {b}, you drove away another customer",
    "sick of this, going with somebody else than {b} from now on", "Not giving {b} another cent", "@{b} please delete all my data, I'm leaving",
    "This is how you lose people, {b}. I'm one of them now", "first thing Monday I'm porting my number away from {b}",
    "After today I am boycotting {b}", "can anyone recommend something instead of {b}? had it with them",
    "I used to recommend {b}. Now I'm cancelling.", "Will be closing my {b} account this week",
    "Dear {b}, this was the last straw. Goodbye.", "Refund me @{b}, I won't be shopping with you anymore",
    "{b} made me a customer of their rival today",
)


def held_back_threats(rows, asks, how_many=100):
    """Threats that the rule finds in held-back rows, filled up with sentences of our own making."""
    import random

    from swap import made_name
    found, seen = [], set()
    for row in [*asks, *rows]:
        if row.part == "held back" and leaves(row.text) and (row.label in (None, 0)) and row.text not in seen:
            seen.add(row.text)
            found.append(row)
    rng = random.Random(13)
    found = found[:how_many]
    while len(found) < how_many:
        found.append(Row("made-threats", rng.choice(MEASURED_THREATS).format(b=made_name(rng)), None, part="held back"))
    return found
