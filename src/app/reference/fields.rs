//! JSON Schemas as rows that a person can read: name, type, limits, meaning.

use serde_json::{Map, Value};

use super::prose::{Span, spans};

/// References that are followed in a row, and objects within objects that are shown: ours have fewer, a circle has more.
const DEEPEST: usize = 5;

/// One field of a body or an answer, or one parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// What it lies in, such as `media.`; empty on the outermost level.
    pub(super) within: String,
    pub(super) name: String,
    /// Its type in words.
    pub(super) kind: String,
    pub(super) is_required: bool,
    /// How long, how large, how many.
    pub(super) limits: String,
    /// The only values that it may have; empty when there are many.
    pub(super) values: Vec<String>,
    pub(super) about: Vec<Span>,
}

/// Fields that belong together: those of every case, or those of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// When they count; empty for always.
    pub(super) title: String,
    pub(super) fields: Vec<Field>,
}

/// Reads schemas that refer to each other by name.
pub(super) struct Reader<'d>(pub(super) &'d Value);

impl Reader<'_> {
    /// Lists the fields of a schema, in the order in which they stand in `example`.
    pub(super) fn groups(&self, schema: &Value, example: &str) -> Vec<Group> {
        let schema = self.resolved(schema);
        let place = |field: &Field| example.find(&format!("\"{}\"", field.name)).unwrap_or(usize::MAX);
        let fields = |schema: &Map<String, Value>| {
            let mut fields = Vec::new();
            self.collect(schema, "", 0, &mut fields);
            sort_outermost(&mut fields, place);
            fields
        };
        let cases: Vec<_> = alternatives(&schema).into_iter().map(|case| self.resolved(case)).collect();
        let told: Vec<Vec<Field>> = cases.iter().map(fields).collect();
        let is_common = |field: &Field| told.iter().all(|fields| fields.contains(field));
        let common = told.first().into_iter().flatten().filter(|field| is_common(field)).cloned();
        let always =
            Group { title: String::new(), fields: fields(&schema).into_iter().chain(common).collect() };
        let sometimes = cases.iter().zip(&told).map(|(case, fields)| {
            let own: Vec<Field> = fields.iter().filter(|field| !is_common(field)).cloned().collect();
            Group { title: self.title_of(case, &own), fields: own }
        });
        [always].into_iter().chain(sometimes).filter(|group| !group.fields.is_empty()).collect()
    }

    /// Describes one value.
    pub(super) fn field(&self, name: &str, schema: &Value, is_required: bool) -> Field {
        let schema = self.resolved(schema);
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        Field {
            within: String::new(),
            name: name.to_owned(),
            kind: self.kind(&schema),
            is_required,
            limits: limits(&schema),
            values: values(&schema),
            about: spans(about),
        }
    }

    fn collect(&self, schema: &Map<String, Value>, within: &str, depth: usize, into: &mut Vec<Field>) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        let required = schema.get("required").and_then(Value::as_array);
        for (name, property) in properties {
            let is_required = required.is_some_and(|names| names.iter().any(|known| known == name));
            into.push(Field { within: within.to_owned(), ..self.field(name, property, is_required) });
            if depth < DEEPEST {
                let inner = self.resolved(property);
                let (inner, mark) = match inner.get("items") {
                    Some(items) => (self.resolved(items), "[]."),
                    None => (inner, "."),
                };
                self.collect(&inner, &format!("{within}{name}{mark}"), depth + 1, into);
            }
        }
    }

    /// Follows references, and joins what has to hold together.
    fn resolved(&self, schema: &Value) -> Map<String, Value> {
        let mut whole = schema.as_object().cloned().unwrap_or_default();
        for _ in 0..DEEPEST {
            let Some(Value::String(target)) = whole.remove("$ref") else { break };
            let name = target.rsplit('/').next().unwrap_or_default();
            join(&mut whole, self.0.get(name).and_then(Value::as_object).cloned().unwrap_or_default());
        }
        if let Some(Value::Array(parts)) = whole.remove("allOf") {
            for part in &parts {
                join(&mut whole, self.resolved(part));
            }
        }
        for word in ["anyOf", "oneOf"] {
            let cases = whole.get(word).and_then(Value::as_array).cloned().unwrap_or_default();
            let (nothing, rest): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case["type"] == "null");
            if let ([_], [only]) = (&nothing[..], &rest[..]) {
                whole.remove(word);
                join(&mut whole, self.resolved(only));
                whole.insert("nullable".to_owned(), Value::Bool(true));
            }
        }
        whole
    }

    /// Gives a type in words, such as `list of text`.
    fn kind(&self, schema: &Map<String, Value>) -> String {
        let words = match schema.get("type") {
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ if schema.contains_key("properties") || !alternatives(schema).is_empty() => vec!["object"],
            _ if !values(schema).is_empty() => vec!["string"],
            _ => Vec::new(),
        };
        let or_null = words.contains(&"null") || schema.contains_key("nullable");
        let named = words.iter().filter(|word| **word != "null").map(|word| self.word(word, schema));
        let kind = named.collect::<Vec<_>>().join(" or ");
        match (kind.is_empty(), or_null) {
            (true, _) => "any".to_owned(),
            (false, true) => format!("{kind} or null"),
            (false, false) => kind,
        }
    }

    fn word(&self, word: &str, schema: &Map<String, Value>) -> String {
        let format = schema.get("format").and_then(Value::as_str);
        match (word, format) {
            ("string", Some("date-time")) => "time".to_owned(),
            ("string", Some("uuid")) => "UUID".to_owned(),
            ("string", Some("binary")) => "file".to_owned(),
            ("string", Some("uri")) => "address".to_owned(),
            ("array", _) => match schema.get("items").map(|items| self.kind(&self.resolved(items))) {
                Some(kind) => format!("list of {kind}"),
                None => "list".to_owned(),
            },
            _ => word.to_owned(),
        }
    }

    /// Says in which case the fields of an alternative count: the one property that is fixed says it, or the one that has
    /// to be there.
    fn title_of(&self, case: &Map<String, Value>, own: &[Field]) -> String {
        let properties = case.get("properties").and_then(Value::as_object).into_iter().flatten();
        let mut fixed = properties
            .filter_map(|(name, schema)| {
                Some((name, self.resolved(schema).get("const")?.as_str()?.to_owned()))
            })
            .filter(|(name, _)| own.iter().any(|field| field.name == **name));
        let needed = own.iter().find(|field| field.is_required && field.within.is_empty());
        match (fixed.next(), needed) {
            (Some((name, value)), _) => format!("With {name} {value}"),
            (None, Some(field)) => format!("With {}", field.name),
            (None, None) => "Or".to_owned(),
        }
    }
}

/// Adds what is not there yet; of properties and required names, both.
fn join(whole: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (whole.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(more)) if name == "properties" => known.extend(more),
            (Some(Value::Array(known)), Value::Array(more)) if name == "required" => known.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                whole.insert(name, value);
            }
        }
    }
}

/// Lists the cases that are objects of their own.
fn alternatives(schema: &Map<String, Value>) -> Vec<&Value> {
    let cases = ["oneOf", "anyOf"].iter().filter_map(|word| schema.get(*word)?.as_array()).flatten();
    cases.filter(|case| case.get("const").is_none() && case["type"] != "null").collect()
}

fn values(schema: &Map<String, Value>) -> Vec<String> {
    let cases = ["oneOf", "anyOf"].iter().filter_map(|word| schema.get(*word)?.as_array()).flatten();
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let fixed = schema.get("const").into_iter().chain(cases.filter_map(|case| case.get("const")));
    listed.chain(fixed).filter(|value| !value.is_null()).map(in_words).collect()
}

fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn limits(schema: &Map<String, Value>) -> String {
    let number = |name: &str| schema.get(name).filter(|value| value.is_number()).map(ToString::to_string);
    let between = |least: Option<String>, most: Option<String>, unit: &str| match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (Some(least), None) if least == "1" && !unit.is_empty() => Some("not empty".to_owned()),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, None) => None,
    };
    let default = schema.get("default").filter(|value| !value.is_null());
    let said = [
        between(number("minLength"), number("maxLength"), " characters"),
        between(number("minItems"), number("maxItems"), " entries"),
        between(number("minimum"), number("maximum"), ""),
        default.map(|value| format!("{} unless given", in_words(value))),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Puts the outermost fields in order, those without a place at the end, required ones first; what lies in one stays
/// behind it.
fn sort_outermost(fields: &mut Vec<Field>, place: impl Fn(&Field) -> usize) {
    let mut families: Vec<Vec<Field>> = Vec::new();
    for field in fields.drain(..) {
        match families.last_mut() {
            Some(family) if !field.within.is_empty() => family.push(field),
            _ => families.push(vec![field]),
        }
    }
    families.sort_by_key(|family| family.first().map(|field| (place(field), !field.is_required)));
    fields.extend(families.into_iter().flatten());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: &Value, named: &Value, example: &str) -> Vec<String> {
        let groups = Reader(named).groups(schema, example);
        let line = |field: &Field| {
            let required = if field.is_required { "!" } else { "" };
            let values = field.values.join("|");
            format!("{}{}{required} {} {} {values}", field.within, field.name, field.kind, field.limits)
                .trim()
                .to_owned()
        };
        let lines = groups.iter().flat_map(|group| {
            let title = (!group.title.is_empty()).then(|| format!("# {}", group.title));
            title.into_iter().chain(group.fields.iter().map(line)).collect::<Vec<_>>()
        });
        lines.collect()
    }

    #[test]
    fn fields_are_told_with_what_they_lie_in() {
        let named = json!({
            "Media": {"type": "object", "required": ["id"], "properties": {
                "id": {"type": "string", "format": "uuid"}, "size": {"type": "integer", "minimum": 0}}},
            "State": {"oneOf": [{"const": "queued"}, {"const": "sent"}]},
        });
        let schema = json!({"type": "object", "required": ["name", "media"], "properties": {
            "files": {"type": "array", "maxItems": 9, "items": {"$ref": "#/components/schemas/Media"}},
            "media": {"anyOf": [{"$ref": "#/components/schemas/Media"}, {"type": "null"}]},
            "name": {"type": ["string", "null"], "minLength": 1, "maxLength": 80},
            "state": {"$ref": "#/components/schemas/State"},
        }});

        let found = told(&schema, &named, r#"{"state": 1, "name": 2}"#);

        assert_eq!(
            found,
            [
                "state string  queued|sent",
                "name! string or null 1 to 80 characters",
                "files list of object at most 9 entries",
                "files[].id! UUID",
                "files[].size integer at least 0",
                "media! object or null",
                "media.id! UUID",
                "media.size integer at least 0",
            ]
        );
    }

    #[test]
    fn cases_are_told_apart_by_what_is_fixed() {
        let schema = json!({
            "properties": {"name": {"type": "string"}},
            "oneOf": [
                {"properties": {"type": {"const": "folder"}, "directory": {"type": "string"}}},
                {"properties": {"type": {"const": "s3"}}},
            ],
        });

        let found = told(&schema, &json!({}), "");

        let expected = ["name string", "# With type folder", "directory string", "type string  folder"];
        assert_eq!(found[..4], expected);
        assert_eq!(found[4..], ["# With type s3", "type string  s3"]);
    }

    #[test]
    fn a_schema_that_contains_itself_comes_to_an_end() {
        let named = json!({"Node": {"properties": {"next": {"$ref": "#/components/schemas/Node"}}}});

        let found = told(&named["Node"], &named, "");

        assert_eq!(found.len(), DEEPEST + 1);
    }
}
