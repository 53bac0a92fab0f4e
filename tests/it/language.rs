//! Which language a post is in: samples of the languages covered, tags, any text at all, and the
//! figures on labelled posts.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use earmark::sentiment::language::{detect, languages, primary, same};
use flate2::read::MultiGzDecoder;
use proptest::prelude::*;

#[test]
fn everyday_posts_in_their_language() {
    for (text, code) in [
        ("@acme the new update broke my phone, please fix it", "en"),
        ("Worst delivery ever #acme https://acme.example/x", "en"),
        ("thx", "en"),
        ("Ich warte seit drei Wochen auf mein Paket, so ein Mist", "de"),
        ("Danke!", "de"),
        ("Toujours pas de réponse du service client, c'est nul", "fr"),
        ("Llevo dos horas esperando y nadie me contesta", "es"),
        ("Gracias @acme", "es"),
        ("vcs não respondem ninguém, que absurdo", "pt"),
        ("Non funziona niente da ieri, che vergogna", "it"),
        ("Ik wacht nu al een week op antwoord, echt belachelijk", "nl"),
        ("Jag har väntat i två timmar och ingen svarar", "sv"),
        ("Jeg har ventet i to timer, og der er ingen, der svarer mig", "da"),
        ("Hei, jeg har ventet på dere i to timer nå", "no"),
        ("Olen odottanut jo kaksi tuntia ja kukaan ei vastaa", "fi"),
        ("Üç gündür kargo bekliyorum, kimse cevap vermiyor", "tr"),
        ("Czekam już dwie godziny i nikt się nie odzywa", "pl"),
        ("Čekám už dvě hodiny a nikdo mi neodpovídá, to je hrozné", "cs"),
        ("Két órája várok, és senki sem válaszol, ez nem jó", "hu"),
        ("Aștept de două ore și nu îmi răspunde nimeni", "ro"),
        ("paket saya belum sampai juga, gimana nih kak", "id"),
        ("ang tagal naman ng delivery ninyo, wala pa rin", "tl"),
        ("tôi đã chờ hai tiếng rồi mà không ai trả lời", "vi"),
        ("bhai mera order abhi tak nahi aaya, kya kar rahe ho", "hi"),
        ("kya bakwas service hai yaar, very bad experience", "hi"),
        ("मेरा ऑर्डर अभी तक नहीं आया है", "hi"),
        ("माझी ऑर्डर अजून आली नाही आणि कोणी उत्तर देत नाही", "mr"),
        ("Жду уже два часа, никто не отвечает", "ru"),
        ("Чекаю вже дві години, ніхто не відповідає", "uk"),
        ("Чакам вече два часа и никой не отговаря, това е ужасно", "bg"),
        ("خدمة سيئة جدا ولا أحد يرد", "ar"),
        ("دو ساعت است که منتظرم و کسی جواب نمی‌دهد", "fa"),
        ("دو گھنٹے سے انتظار کر رہا ہوں کوئی جواب نہیں", "ur"),
        ("荷物がまだ届きません", "ja"),
        ("我的包裹还没有到", "zh"),
        ("두 시간째 기다리고 있어요", "ko"),
        ("รอมาสองชั่วโมงแล้ว", "th"),
        ("Περιμένω δύο ώρες", "el"),
        ("אני מחכה כבר שעתיים", "he"),
    ] {
        assert_eq!(detect(text), Some(code), "{text}");
    }
}

#[test]
fn too_little_is_no_language() {
    for text in ["", "   ", "@acme", "@acme https://acme.example/bonjour", "😀😀 100%", "ಠ_ಠ", "12.5 €", "ok"]
    {
        assert_eq!(detect(text), None, "{text:?}");
    }
}

#[test]
fn names_links_tags_and_entities_do_not_count() {
    let text =
        "RT @mitarbeiter_der_firma: this is really good &amp; cheap https://acme.example/das-ist-nicht-gut";
    assert_eq!(detect(text), Some("en"));
    assert_eq!(detect("I love this shop so much #schönenachmittag #куплено #東京"), Some("en"));
    assert_eq!(detect("the iPhone of my friend from 東京 is broken again"), Some("en"));
    assert_eq!(detect("iPhone 16 Pro Max مو شغال من امس"), Some("ar"));
}

#[test]
fn tags_of_others_name_languages() {
    for (tag, code) in [
        ("en", Some("en")),
        ("en-US", Some("en")),
        ("EN", Some("en")),
        ("en_GB", Some("en")),
        ("en_US.UTF-8", Some("en")),
        (" eng ", Some("en")),
        ("ger", Some("de")),
        ("deu", Some("de")),
        ("zh-Hant-TW", Some("zh")),
        ("cmn", Some("zh")),
        ("nb-NO", Some("no")),
        ("iw", Some("he")),
        ("fil", Some("tl")),
        ("pt-BR", Some("pt")),
        ("", None),
        ("und", None),
        ("mul", None),
        ("zxx", None),
        ("mis", None),
        ("x-private", None),
        ("english", None),
        ("qq", None),
        ("é", None),
    ] {
        assert_eq!(primary(tag), code, "{tag:?}");
    }
    assert!(same("en-US", "en") && same("ENG", "en_GB"));
    assert!(!same("en", "de") && !same("und", "und") && !same("", "en"));
}

#[test]
fn answers_are_codes_that_tags_lead_to() {
    let all = languages();
    for code in
        ["en", "ar", "fr", "de", "hi", "it", "pt", "es", "ru", "ja", "zh", "ko", "tr", "id", "vi", "th"]
    {
        assert!(all.contains(&code), "{code}");
    }
    for code in all {
        assert_eq!(primary(code), Some(code));
    }
}

proptest! {
    #[test]
    fn any_text_has_an_answer_of_the_list_or_none(text in any::<String>()) {
        prop_assert!(detect(&text).is_none_or(|code| languages().contains(&code)));
    }

    #[test]
    fn any_mixture_of_words_and_marks_too(text in "([#@&;＃]|[a-zà-ÿłşñ]{1,9}|[а-яґє]{1,6}|[क-ह्ा]{1,5}|[一-三ツ가ก]|\\PC| ){0,40}") {
        prop_assert!(detect(&text).is_none_or(|code| languages().contains(&code)));
    }

    #[test]
    fn any_tag_is_a_language_or_none(tag in "\\PC{0,12}") {
        prop_assert!(primary(&tag).is_none_or(|code| code.len() == 2));
    }
}

#[derive(serde::Deserialize)]
struct Row {
    text: String,
    lang: String,
}

/// The rows of a set of labelled posts; `None`, said aloud, where the sets are not at hand.
fn rows(name: &str) -> Option<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/train").join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        println!("skipped: no {}", path.display());
        return None;
    };
    let mut text = String::new();
    MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn english_posts_are_not_taken_for_another_language() {
    let Some(rows) = rows("tweeteval_sentiment_val.jsonl.gz") else { return };
    let all = rows.len();
    let other = rows.iter().filter(|row| detect(&row.text).is_some_and(|code| code != "en")).count();
    let none = rows.iter().filter(|row| detect(&row.text).is_none()).count();
    println!(
        "tweeteval_sentiment_val: of {all} English posts {other} ({:.2} %) taken for another language, {none} for none",
        percent(other, all)
    );
    assert!(percent(other, all) <= 1.0);
}

#[test]
fn posts_in_other_languages_are_recognised() {
    let Some(rows) = rows("xlmt_train_val.jsonl.gz") else { return };
    let mut by_language: BTreeMap<&str, Recognised> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.lang != "en") {
        let answer = detect(&row.text);
        for key in [row.lang.as_str(), "all"] {
            by_language.entry(key).or_default().count(answer, &row.lang);
        }
    }
    println!("xlmt_train_val:   posts  not English  as itself  none");
    for (code, found) in &by_language {
        let Recognised { all, foreign, exact, none } = *found;
        let (foreign, exact) = (percent(foreign, all), percent(exact, all));
        println!("{code:>16} {all:>6} {foreign:>11.2}% {exact:>9.2}% {none:>5}");
    }
    let all = &by_language["all"];
    assert!(percent(all.foreign, all.all) >= 95.0);
    // In typed Hindi about one row in five is plain English, which bounds both readings.
    assert!(percent(all.exact, all.all) >= 92.0);
}

#[derive(Default, Clone, Copy)]
struct Recognised {
    all: usize,
    foreign: usize,
    exact: usize,
    none: usize,
}

impl Recognised {
    fn count(&mut self, answer: Option<&str>, truth: &str) {
        self.all += 1;
        self.foreign += usize::from(answer.is_some_and(|code| code != "en"));
        self.exact += usize::from(answer == Some(truth));
        self.none += usize::from(answer.is_none());
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole as f64
}
