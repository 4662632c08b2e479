//! Where a service works and where it is: the areas it serves, and its one place. Of a place only
//! the area is kept, and only by a code of the gazetteer.

use serde_json::json;

use super::{LONGEST_CODE, implied, items, left_out};
use crate::directory::areas::area_code;
use crate::directory::hsds::AREA_CODE;
use crate::input::{At, Fields, Json, LONGEST_LIST};

pub(super) fn service_areas(json: &Json, at: &At<'_>) -> Option<Vec<String>> {
    at.takes(|| json!({"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": LONGEST_LIST}));
    let extent = |json: &Json, at: &At<'_>| {
        Fields::of(json, at, |f| {
            // The name of an area and what it looks like on a map follow from its code.
            implied(f, &["id", "service_id", "service_at_location_id", "name", "description", "extent_type", "uri"]);
            implied(f, &["attributes", "metadata"]);
            f.required_with("extent", area_code)
        })
    };
    let areas = items(json, at, LONGEST_LIST, extent)?;
    if areas.is_empty() {
        at.problem("out_of_range");
    }
    Some(areas)
}

/// One place, and what of it is not kept.
type Place = (Option<String>, Vec<&'static str>);

pub(super) fn places(json: &Json, at: &At<'_>) -> Option<Place> {
    at.takes(|| json!({"type": "array", "items": {"type": "object"}, "maxItems": 1}));
    let place = |json: &Json, at: &At<'_>| {
        Fields::of(json, at, |f| {
            implied(f, &["id", "service_id", "location_id"]);
            let rest = ["description", "contacts", "phones", "schedules", "service_areas", "attributes", "metadata"];
            let more = !left_out(f, &rest).is_empty();
            let location = f.with("location", location);
            let (area, kept_whole) = location.unwrap_or((None, false));
            Some((area, if more || !kept_whole { vec!["service_at_locations"] } else { Vec::new() }))
        })
    };
    let mut read = items(json, at, LONGEST_LIST, place)?;
    if read.len() > 1 {
        // Which of them would be the one she is sent to?
        at.problem("more_than_one");
    }
    Some(read.pop().unwrap_or_default())
}

/// The area of a place, and whether it says nothing else.
fn location(json: &Json, at: &At<'_>) -> Option<(Option<String>, bool)> {
    Fields::of(json, at, |f| {
        implied(f, &["id", "name", "location_type"]);
        let rest = [
            "url",
            "organization_id",
            "alternate_name",
            "description",
            "transportation",
            "latitude",
            "longitude",
            "languages",
            "addresses",
            "contacts",
            "accessibility",
            "phones",
            "schedules",
            "attributes",
            "metadata",
        ];
        let whole = left_out(f, &rest).is_empty();
        let kind = f.text("external_identifier_type", LONGEST_CODE);
        let ours = kind.as_deref() == Some(AREA_CODE);
        let area = f.with("external_identifier", |json, at| if ours { area_code(json, at) } else { None });
        Some((area, whole && ours))
    })
}
