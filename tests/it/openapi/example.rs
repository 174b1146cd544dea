//! Comparing an answer with the example that the documentation shows.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

/// Which real identifier stands where an example shows its own.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, String>);

fn uuid() -> Regex {
    Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap()
}

impl Names {
    /// Puts real identifiers where the text shows those of the examples.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (shown, real) in &self.0 {
            let (bare, real_bare) = (shown.replace('-', ""), real.replace('-', ""));
            text = text.replace(shown, real).replace(&bare, &real_bare);
            text = text.replace(&bare.to_uppercase(), &real_bare.to_uppercase());
        }
        text
    }

    /// Compares an answer with its example: identifiers stand for each other throughout, an instant for any instant, a
    /// secret for any secret; everything else is as shown. Gives the places that differ.
    pub(super) fn compare(&mut self, place: &str, shown: &Value, real: &Value) -> Vec<String> {
        match (shown, real) {
            (Value::Object(shown), Value::Object(real)) => {
                let names =
                    |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
                if names(shown) != names(real) {
                    return vec![format!("{place}: shows {:?}, has {:?}", names(shown), names(real))];
                }
                // Names of identifiers first, because paths are made of them.
                let mut members: Vec<_> = shown.iter().collect();
                members.sort_by_key(|(name, _)| !(name.as_str() == "id" || name.ends_with("_id")));
                let each = |(name, shown): (&String, &Value)| {
                    self.compare(&format!("{place}.{name}"), shown, &real[name])
                };
                members.into_iter().flat_map(each).collect()
            }
            (Value::Array(shown), Value::Array(real)) if shown.len() == real.len() => {
                let pairs = shown.iter().zip(real).enumerate();
                pairs
                    .flat_map(|(at, (shown, real))| self.compare(&format!("{place}[{at}]"), shown, real))
                    .collect()
            }
            (Value::String(shown), Value::String(real)) if self.fits(shown, real) => Vec::new(),
            // How long something took is never the same.
            (Value::Number(_), Value::Number(_)) if place.rsplit('.').next() == Some("ms") => Vec::new(),
            _ if shown == real => Vec::new(),
            _ => vec![format!("{place}: shows {shown}, is {real}")],
        }
    }

    fn fits(&mut self, shown: &str, real: &str) -> bool {
        let whole = |pattern: &str| Regex::new(&format!("^{pattern}$")).unwrap();
        let instant = whole(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z");
        let secret = whole("mp_[kt][0-9A-Za-z]{11}_[0-9A-Za-z]{49}");
        let key = whole("[kt][0-9A-Za-z]{11}");
        let hexes = whole("[0-9a-f]{32}");
        if [instant, secret, hexes].iter().any(|pattern| pattern.is_match(shown) && pattern.is_match(real)) {
            return true;
        }
        let is_id =
            |text: &str| key.is_match(text) || uuid().find(text).is_some_and(|id| id.len() == text.len());
        if is_id(shown) && is_id(real) {
            return self.0.entry(shown.to_owned()).or_insert_with(|| real.to_owned()) == real;
        }
        // Files lie in folders of their day.
        let day = Regex::new(r"\d{4}/\d\d/\d\d").unwrap();
        let without_day = |text: &str| day.replace_all(text, "DAY").into_owned();
        without_day(&self.apply(shown)) == without_day(real)
    }
}
