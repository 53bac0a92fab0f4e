//! What a language is called by others: tags of sites and feeds (BCP 47), codes of two and of three
//! letters, `-` or `_`, any case. Here each language has one name, its ISO 639-1 code.

/// Each language by its code, followed by its code of three letters.
const CODES: &str = "aa aar ab abk ae ave af afr ak aka am amh an arg ar ara as asm av ava ay aym az aze ba bak be bel \
     bg bul bi bis bm bam bn ben bo bod br bre bs bos ca cat ce che ch cha co cos cr cre cs ces cu chu \
     cv chv cy cym da dan de deu dv div dz dzo ee ewe el ell en eng eo epo es spa et est eu eus fa fas \
     ff ful fi fin fj fij fo fao fr fra fy fry ga gle gd gla gl glg gn grn gu guj gv glv ha hau he heb \
     hi hin ho hmo hr hrv ht hat hu hun hy hye hz her ia ina id ind ie ile ig ibo ii iii ik ipk io ido \
     is isl it ita iu iku ja jpn jv jav ka kat kg kon ki kik kj kua kk kaz kl kal km khm kn kan ko kor \
     kr kau ks kas ku kur kv kom kw cor ky kir la lat lb ltz lg lug li lim ln lin lo lao lt lit lu lub \
     lv lav mg mlg mh mah mi mri mk mkd ml mal mn mon mr mar ms msa mt mlt my mya na nau nd nde ne nep \
     ng ndo nl nld no nor nr nbl nv nav ny nya oc oci oj oji om orm or ori os oss pa pan pi pli pl pol \
     ps pus pt por qu que rm roh rn run ro ron ru rus rw kin sa san sc srd sd snd se sme sg sag sh hbs \
     si sin sk slk sl slv sm smo sn sna so som sq sqi sr srp ss ssw st sot su sun sv swe sw swa ta tam \
     te tel tg tgk th tha ti tir tk tuk tl tgl tn tsn to ton tr tur ts tso tt tat tw twi ty tah ug uig \
     uk ukr ur urd uz uzb ve ven vi vie vo vol wa wln wo wol xh xho yi yid yo yor za zha zh zho zu zul";

/// Other codes for the same, or for what is not told apart here: the bibliographic ones, withdrawn
/// ones, the commonest member of a group of languages, and the two ways of writing Norwegian.
const OTHER: &str = "bo tib cs cze cy wel de ger el gre eu baq fa per fr fre hy arm is ice ka geo mi mao mk mac ms may \
     my bur nl dut ro rum sk slo sq alb zh chi he iw id in yi ji no nb no nob no nn no nno tl fil zh \
     cmn zh yue ar arb fa pes fa prs ms zsm sw swh et ekk lv lvs ne npi or ory uz uzn az azj";

/// The language that a tag names: `en` for `en-US`, `EN`, `en_GB` and `eng`. `None` for tags that
/// name none (`und`, `mul`, `zxx`, an empty one) and for those without an ISO 639-1 code.
pub fn primary(tag: &str) -> Option<&'static str> {
    let name = tag.trim().split(['-', '_', '.']).next().unwrap_or_default();
    if !matches!(name.len(), 2 | 3) {
        return None;
    }
    pairs(CODES)
        .find(|(code, long)| name.eq_ignore_ascii_case(code) || name.eq_ignore_ascii_case(long))
        .or_else(|| pairs(OTHER).find(|(_, other)| name.eq_ignore_ascii_case(other)))
        .map(|(code, _)| code)
}

/// Whether two tags name the same language. What names none is the same as nothing.
pub fn same(tag: &str, code: &str) -> bool {
    primary(tag).is_some_and(|named| primary(code) == Some(named))
}

fn pairs(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut words = table.split(' ');
    std::iter::from_fn(move || Some((words.next()?, words.next()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_pairs() {
        for table in [CODES, OTHER] {
            for (code, other) in pairs(table) {
                assert!(code.len() == 2 && matches!(other.len(), 2 | 3), "{code} {other}");
                assert_eq!(primary(other), Some(code), "{other}");
            }
            assert_eq!(table.split(' ').count() % 2, 0);
        }
        assert_eq!(pairs(CODES).count(), 182);
    }
}
