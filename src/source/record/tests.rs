//! What a record may look like.

use serde_json::json;

use super::*;

fn shape() -> Shape {
    Shape::new("survey".into(), PostKind::Ticket)
}

fn read(record: Value) -> Result<Post, Vec<Fault>> {
    post(&shape(), &record, None)
}

#[test]
fn our_own_output_is_read_back_whole() {
    let post = read(json!({
        "id": "17", "version": "b", "kind": "review", "url": "https://www.shop.example/r/17", "author": "@ann",
        "created_at": "2025-04-03T10:00:00Z", "title": "Broken", "text": "It broke.", "lang": "en_US",
        "parent": "16", "deleted": false, "reach": 12
    }))
    .expect("a post");
    assert_eq!((post.id.as_str(), post.version.as_str(), post.kind), ("17", "b", PostKind::Review));
    assert_eq!((post.site.as_str(), post.author.as_deref()), ("shop.example", Some("ann")));
    assert_eq!(
        (post.lang.as_deref(), post.parent.as_deref(), post.reach),
        (Some("en-us"), Some("16"), Some(12))
    );
    assert_eq!(post.created_at.map(|at| at.as_second()), Some(1_743_674_400));
}

#[test]
fn names_that_tables_use_are_known_and_a_mapping_wins() {
    let post = read(
        json!({ "Message": "hello", "User Name": "bo", "date": "2025-04-03", "link": "http://a.example/1" }),
    );
    let post = post.expect("a post");
    assert_eq!((post.text.as_str(), post.author.as_deref()), ("hello", Some("bo")));
    assert_eq!((post.site.as_str(), post.kind), ("a.example", PostKind::Ticket));

    let mut mapped = shape();
    mapped.fields =
        [("text", "/answers/0/said"), ("author", "Body")].map(|(a, b)| (a.into(), b.into())).into();
    let record = json!({ "text": "not this", "body": "carla", "answers": [{ "said": "this" }] });
    let post = super::post(&mapped, &record, None).expect("a post");
    assert_eq!((post.text.as_str(), post.author.as_deref()), ("this", Some("carla")));
}

#[test]
fn every_fault_is_named_with_its_place_and_without_its_text() {
    let faults = read(json!({
        "text": ["secret words"], "url": "javascript:alert(1)", "created_at": "03/04/2025", "kind": "rant",
        "reach": -1, "deleted": "perhaps", "parent": {}
    }))
    .expect_err("rejected");
    let said = words(&faults);
    for part in ["/text", "/url", "/created_at", "/kind", "/reach", "/deleted", "/parent"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("secret") && !said.contains("alert") && !said.contains("rant:"), "{said}");
    assert!(read(json!("text")).is_err());
    assert!(read(json!({ "id": 1, "text": "  " })).is_err());
    assert!(read(json!({ "id": 1, "deleted": true })).is_ok_and(|post| post.deleted && post.id == "1"));
}

#[test]
fn a_record_without_id_is_the_same_post_each_time_and_an_edit_is_a_new_version() {
    let record = json!({ "author": "ann", "date": "2025-04-03", "text": "same" });
    let (one, two) = (read(record.clone()).expect("a post"), read(record).expect("a post"));
    assert_eq!((&one.id, &one.version), (&two.id, &two.version));
    let other = read(json!({ "author": "bo", "date": "2025-04-03", "text": "same" })).expect("a post");
    assert_ne!(one.id, other.id);
    let edited = read(json!({ "id": "7", "text": "now" })).expect("a post");
    let before = read(json!({ "id": "7", "text": "then" })).expect("a post");
    assert_eq!(edited.id, before.id);
    assert_ne!(edited.version, before.version);
    assert_eq!(post(&shape(), &json!({ "text": "x" }), Some("given")).expect("a post").id, "given");
}

#[test]
fn what_is_too_long_is_refused() {
    assert!(read(json!({ "text": "x", "id": "i".repeat(513) })).is_err());
    assert!(read(json!({ "text": "x", "url": format!("https://a.example/{}", "p".repeat(5_000)) })).is_err());
    assert!(read(json!({ "text": "x".repeat((1 << 20) + 1) })).is_err());
}

#[test]
fn settings_name_columns_of_a_post_only() {
    let table = json!({ "kind": "rant", "site": "www.Shop.example", "fields": { "txt": "a", "text": 5, "id": "nr" } });
    let mut params = Params::new(&table);
    let shape = Shape::read(&"s".into(), PostKind::Post, &mut params);
    assert_eq!(shape.site.as_deref(), Some("shop.example"));
    assert_eq!(shape.fields.len(), 1);
    let said = params.finish().to_string();
    for part in ["kind:", "fields.txt", "fields.text"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
