//! The description of a place, read from the configuration: every fault of it at once.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize as _;
use serde_json::Value;
use url::Url;

use super::form::Form;
use super::pages::{Paging, Turn};
use super::preset;
use super::read::{Reader, Taken};
use crate::domain::duration;
use crate::domain::post::PostKind;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::source::Settings;
use crate::source::params::{Params, choice};
use crate::source::record::{FIELDS, Shape};

/// A header's value.
#[derive(Debug, Clone)]
pub enum Held {
    /// As it stands.
    Plain(String),
    /// Behind a pointer.
    Secret(SecretRef),
}

/// How the credential is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// `authorization: Bearer …`.
    Bearer,
    /// `authorization: Basic …`, with this user; without one the credential is the user.
    Basic(Option<String>),
    /// A header of that name.
    Header(String),
    /// A query parameter of that name.
    Query(String),
}

/// A field that grows, sent with every look.
#[derive(Debug, Clone)]
pub struct Growing {
    /// Where it stands in an item.
    pub field: String,
    /// The parameter, or a pointer into the body.
    pub param: String,
    pub form: Form,
    /// How much is asked for once more.
    pub overlap: SignedDuration,
    /// The place wants no question about what is younger than this.
    pub behind: SignedDuration,
    /// How far the first look reads back.
    pub back: SignedDuration,
    /// Where the first look begins, where it is no time that grows.
    pub begin: Option<Value>,
}

/// How the place is asked by id.
#[derive(Debug, Clone)]
pub struct Recheck {
    pub url: String,
    pub items: String,
    /// What it answers is not what the list says, and counts only where it says that an item is gone.
    pub removals: bool,
    pub at_once: usize,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Description {
    pub url: String,
    /// What is sent; none: a GET.
    pub body: Option<Value>,
    pub headers: Vec<(String, Held)>,
    pub credential: Option<SecretRef>,
    pub sign: Sign,
    pub items: String,
    pub reader: Reader,
    pub paging: Paging,
    pub cursor: Option<Growing>,
    pub recheck: Option<Recheck>,
    pub per_minute: u32,
    pub interval: SignedDuration,
    pub allow_private: bool,
}

const FORMS: &str =
    "write \"rfc3339\", \"seconds\", \"milliseconds\", or as strftime has it: \"%d.%m.%Y %H:%M\"";

/// The description and all its faults.
pub fn read(settings: &Settings) -> (Description, Problems) {
    let (whole, mut problems) = match preset::expand(&settings.params) {
        Ok(expanded) => expanded,
        Err(unknown) => {
            let (description, _) = described(settings, &Value::Null, &[]);
            return (description, Problems(vec![unknown]));
        }
    };
    let (description, faults) = described(settings, &whole, &preset::asked(&settings.params));
    problems.0.extend(faults.0);
    (description, problems)
}

fn described(settings: &Settings, whole: &Value, asked: &[&'static str]) -> (Description, Problems) {
    let mut params = Params::new(whole);
    // Known, for whoever misspells them; they were put in already.
    for &name in asked.iter().chain(&["preset"]) {
        params.value(name);
    }
    let mut nested = Problems::new();
    let url = params.text("url").unwrap_or_default().trim().to_owned();
    if url.is_empty() {
        params.fault("url", "is missing", "write the address that is asked, or preset = \"…\"");
    } else if !is_web(&url) {
        params.fault("url", format!("\"{url}\" is no address"), "begin with https://");
    }
    let body = params.value("body").cloned();
    if body.as_ref().is_some_and(|body| !body.is_object()) {
        params.fault("body", "is no table", "write body = { … }; it is sent as JSON");
    }
    let headers = headers(&mut params, &mut nested);
    let credential = params.secret("credential");
    let sign = sign(&mut params, credential.is_some());
    let items = pointer(&mut params, "items").unwrap_or_default();
    let reader = reader(settings, &mut params, &mut nested);
    let paging = table(&mut params, "page", &mut nested, paging).unwrap_or_default();
    let has_body = body.is_some();
    let cursor = table(&mut params, "cursor", &mut nested, |params| cursor(params, has_body)).flatten();
    let recheck = table(&mut params, "recheck", &mut nested, recheck).flatten();
    if !has_body && paging.param().is_some_and(|param| param.starts_with('/')) {
        params.fault(
            "page",
            "a pointer into the body, and there is no body",
            "name a parameter, or write body",
        );
    }
    let per_minute = number(&mut params, "per_minute", super::PER_MINUTE.into(), 1, 600);
    let interval = params.wait("interval", 300, 1);
    let allow_private = params.flag("allow_private");
    let mut problems = params.finish();
    problems.0.extend(nested.0);
    let per_minute = u32::try_from(per_minute).unwrap_or(super::PER_MINUTE);
    let description = Description {
        url,
        body,
        headers,
        credential,
        sign,
        items,
        reader,
        paging,
        cursor,
        recheck,
        per_minute,
        interval,
        allow_private,
    };
    (description, problems)
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A table of its own inside the settings, its faults under its name.
fn table<T>(
    params: &mut Params<'_>,
    key: &'static str,
    nested: &mut Problems,
    read: impl FnOnce(&mut Params<'_>) -> T,
) -> Option<T> {
    let value = params.value(key)?;
    if !value.is_object() {
        params.fault(key, format!("{value} is no table"), format!("write {key} = {{ … }}"));
        return None;
    }
    let mut inner = Params::new(value);
    let read = read(&mut inner);
    nested.extend_under(key, inner.finish());
    Some(read)
}

/// A JSON pointer; empty is the whole.
fn pointer(params: &mut Params<'_>, key: &'static str) -> Option<String> {
    let value = params.value(key)?;
    match value.as_str() {
        Some(text) if text.is_empty() || text.starts_with('/') => Some(text.to_owned()),
        _ => {
            params.fault(key, format!("{value} is no JSON pointer"), "begin with /, as in \"/data/items\"");
            None
        }
    }
}

fn number(params: &mut Params<'_>, key: &'static str, default: u64, least: u64, most: u64) -> u64 {
    let Some(value) = params.value(key) else { return default };
    value.as_u64().filter(|number| (least..=most).contains(number)).unwrap_or_else(|| {
        params.fault(key, format!("{value} is out of range"), format!("a whole number, {least} to {most}"));
        default
    })
}

fn headers(params: &mut Params<'_>, nested: &mut Problems) -> Vec<(String, Held)> {
    let Some(value) = params.value("headers") else { return Vec::new() };
    let Some(table) = value.as_object() else {
        params.fault("headers", "is no table", "write headers = { Accept = \"application/json\" }");
        return Vec::new();
    };
    let mut held = Vec::new();
    let mut inner = Problems::new();
    for (name, value) in table {
        let fault = |what: &str, remedy: &str| {
            crate::domain::problem::Problem::new(name.as_str(), what.to_owned()).remedy(remedy)
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let secret = ["authorization", "cookie", "x-api-key", "api-key"];
        if name.is_empty() || !name.bytes().all(is_name) {
            inner.push(fault("is no header's name", "letters, digits and dashes"));
        } else if let Some(text) = value.as_str() {
            if secret.contains(&name.to_ascii_lowercase().as_str()) {
                let remedy = "write { credential = \"name\" }, { file = \"path\" } or { env = \"NAME\" }";
                inner.push(fault("a secret never stands in the configuration", remedy));
            } else if text.chars().any(char::is_control) {
                inner.push(fault("has characters that no header may have", ""));
            } else {
                held.push((name.to_ascii_lowercase(), Held::Plain(text.to_owned())));
            }
        } else if let Ok(pointer) = SecretRef::deserialize(value) {
            held.push((name.to_ascii_lowercase(), Held::Secret(pointer)));
        } else {
            inner.push(fault(
                "is neither a text nor a pointer to a secret",
                "write { credential = \"name\" }",
            ));
        }
    }
    nested.extend_under("headers", inner);
    held
}

fn sign(params: &mut Params<'_>, signed: bool) -> Sign {
    let user = params.text("user").map(str::to_owned);
    let written = params.text("sign");
    let named = |after: &str| (!after.is_empty()).then(|| after.to_owned());
    let sign = match written.map(|written| written.split_once(':').unwrap_or((written, ""))) {
        None if user.is_some() => Some(Sign::Basic(user.clone())),
        None | Some(("bearer", "")) => Some(Sign::Bearer),
        Some(("basic", "")) => Some(Sign::Basic(user.clone())),
        Some(("header", name)) => named(name).map(|name| Sign::Header(name.to_ascii_lowercase())),
        Some(("query", name)) => named(name).map(Sign::Query),
        Some(_) => None,
    };
    let Some(sign) = sign else {
        let remedy = "write \"bearer\", \"basic\", \"header:X-Api-Key\" or \"query:api_key\"";
        params.fault("sign", format!("\"{}\" is no way to sign in", written.unwrap_or_default()), remedy);
        return Sign::Bearer;
    };
    let given = params.value("credential").is_some();
    if !signed && !given && (written.is_some() || user.is_some()) {
        params.fault("credential", "is missing", "write credential = { credential = \"name\" }");
    }
    if user.is_some() && !matches!(sign, Sign::Basic(_)) {
        params.fault("user", "is for sign = \"basic\" only", "leave it out");
    }
    sign
}

fn reader(settings: &Settings, params: &mut Params<'_>, nested: &mut Problems) -> Reader {
    let words = PostKind::ALL.map(|kind| (kind.as_str(), kind));
    let kind = params.word("kind", &words).unwrap_or(PostKind::Post);
    let mut shape = Shape::new(settings.id.clone(), kind);
    shape.site = params.text("site").map(str::to_lowercase);
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    let fields = fields(params, &names, nested);
    let html = params.list("html", "[\"text\"]");
    for name in html.iter().filter(|name| !names.contains(&name.as_str())) {
        params.fault("html", format!("a post has no field \"{name}\""), choice(name, &names));
    }
    let time = params.text("time_format").and_then(|written| {
        let form = Form::named(written).filter(Form::is_time);
        if form.is_none() {
            params.fault("time_format", format!("\"{written}\" is no form of a time"), FORMS);
        }
        form
    });
    let deleted_if = params.list("deleted_if", "[\"deleted\"]");
    Reader { shape, fields, html, time, deleted_if }
}

fn fields(params: &mut Params<'_>, names: &[&str], nested: &mut Problems) -> BTreeMap<String, Vec<Taken>> {
    let mut fields = BTreeMap::new();
    let Some(value) = params.value("fields") else { return fields };
    let Some(table) = value.as_object() else {
        params.fault("fields", "is no table", "write fields = { id = \"/id\", text = \"/body\" }");
        return fields;
    };
    let mut inner = Problems::new();
    let fault = |key: &str, what: String, remedy: String| {
        crate::domain::problem::Problem::new(key, what).remedy(remedy)
    };
    for (ours, theirs) in table {
        if !names.contains(&ours.as_str()) {
            inner.push(fault(ours, "a post has no such field".into(), choice(ours, names)));
            continue;
        }
        let list = theirs.as_array().map_or(std::slice::from_ref(theirs), Vec::as_slice);
        let mut taken = Vec::new();
        for theirs in list {
            match theirs.as_str().filter(|text| !text.is_empty()).map(Taken::read) {
                Some(Ok(source)) => taken.push(source),
                Some(Err(what)) => inner.push(fault(ours, what, "write {/pointer}".into())),
                None => inner.push(fault(
                    ours,
                    format!("{theirs} is no place in an item"),
                    "write \"/pointer\", \"words {/pointer}\", or a list of them".into(),
                )),
            }
        }
        fields.insert(ours.clone(), taken);
    }
    if !table.contains_key("text") && !table.contains_key("title") {
        inner.push(fault("text", "neither text nor title is taken".into(), "write text = \"/body\"".into()));
    }
    nested.extend_under("fields", inner);
    fields
}

fn paging(params: &mut Params<'_>) -> Paging {
    let link = params.flag("link");
    let next = pointer(params, "next");
    let param = params.text("param").map(str::to_owned);
    let by_number = params.text("number").map(str::to_owned);
    let offset = params.text("offset").map(str::to_owned);
    let first = number(params, "first", 1, 0, 1_000);
    let size = number(params, "size", 0, 1, 10_000);
    let more = pointer(params, "more");
    let end = pointer(params, "end");
    let most = number(params, "most", 10, 1, 100);
    let ways = usize::from(link)
        + usize::from(next.is_some())
        + usize::from(by_number.is_some())
        + usize::from(offset.is_some());
    if ways != 1 {
        let what =
            if ways == 0 { "says nothing of the next page" } else { "names several ways to the next page" };
        let remedy = "write one of link = true, next = \"/pointer\", number = \"page\", offset = \"offset\"";
        params.fault("", what, remedy);
    }
    if param.is_some() && next.is_none() {
        params.fault("param", "goes with next only", "leave it out");
    }
    let turn = match (next, by_number, offset) {
        (Some(at), ..) => param.map_or(Turn::Address(at.clone()), |param| Turn::Token { at, param }),
        (_, Some(param), _) => Turn::Number { param, first },
        (_, _, Some(param)) => Turn::Offset { param },
        _ if link => Turn::Link,
        _ => Turn::None,
    };
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    Paging { turn, more, end, size, most: usize::try_from(most).unwrap_or(10) }
}

fn cursor(params: &mut Params<'_>, has_body: bool) -> Option<Growing> {
    let field = pointer(params, "field").filter(|field| !field.is_empty());
    if field.is_none() && params.value("field").is_none_or(|value| value.as_str() == Some("")) {
        params.fault("field", "is missing", "name the field that grows: field = \"/updated_at\"");
    }
    let param = params.text("param").map(str::to_owned);
    match param.as_deref() {
        None => params.fault("param", "is missing", "name the parameter that takes it: param = \"since\""),
        Some(param) if param.starts_with('/') && !has_body => {
            params.fault(
                "param",
                "a pointer into the body, and there is no body",
                "name a parameter, or write body",
            );
        }
        Some(_) => {}
    }
    let written = params.text("format").unwrap_or("rfc3339");
    let form = Form::named(written);
    if form.is_none() {
        params.fault(
            "format",
            format!("\"{written}\" is no form"),
            format!("{FORMS}, \"number\" or \"text\""),
        );
    }
    let form = form.unwrap_or(Form::Rfc3339);
    let overlap = params.wait("overlap", 60, 0);
    let behind = params.wait("behind", 0, 0);
    let begin = params.value("begin").cloned();
    let mut back = SignedDuration::from_hours(24);
    if let Some(written) = begin.as_ref().filter(|_| form.is_time()) {
        match duration::parse(written.as_str().unwrap_or_default()) {
            Ok(wait) => back = wait,
            Err(_) => params.fault(
                "begin",
                format!("{written} is no length of time"),
                "how far the first look reads back: \"24h\"",
            ),
        }
    }
    Some(Growing { field: field?, param: param?, form, overlap, behind, back, begin })
}

fn recheck(params: &mut Params<'_>) -> Option<Recheck> {
    let url = params.text("url").unwrap_or_default().to_owned();
    if !is_web(&url.replace("{id}", "1")) || !url.contains("{id}") {
        params.fault(
            "url",
            format!("\"{url}\" is no address with {{id}} in it"),
            "https://acme.example/tickets/{id}",
        );
    }
    let items = pointer(params, "items").unwrap_or_default();
    let at_once = usize::try_from(number(params, "at_once", 20, 1, 100)).unwrap_or(20);
    Some(Recheck { url, items, removals: params.flag("removals"), at_once })
}
