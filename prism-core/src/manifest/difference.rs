//! What differs between two manifests, field by field.

use serde::Serialize;
use serde_json::Value;

/// One field in which two manifests differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The field, for example `datasets.h1.zip.digest`.
    pub field: String,
    /// Its value in the first manifest; `null` if it is not there.
    pub old: Value,
    /// Its value in the second.
    pub new: Value,
}

/// Every field that differs, in the order of the first manifest.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", old, new, &mut found);
    found
}

fn compare(field: &str, old: &Value, new: &Value, found: &mut Vec<Difference>) {
    match (old, new) {
        (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => {
            let (old, new) = (children(old), children(new));
            let added = new.iter().filter(|(name, _)| old.iter().all(|(other, _)| other != name));
            for (name, _) in old.iter().chain(added) {
                let value = |list: &[(String, &Value)]| {
                    list.iter().find(|(other, _)| other == name).map_or(Value::Null, |(_, value)| (*value).clone())
                };
                let inner = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                compare(&inner, &value(&old), &value(&new), found);
            }
        }
        _ if old == new => {}
        _ => found.push(Difference { field: field.to_owned(), old: old.clone(), new: new.clone() }),
    }
}

/// The parts of an object or a list; what has a name is compared by its name, not by its place.
fn children(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let name = item.get("name").and_then(Value::as_str).or_else(|| item.as_str());
                (name.map_or_else(|| i.to_string(), str::to_owned), item)
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_a_name_is_compared_by_name() {
        let old = json!({"datasets": [{"name": "a", "size": 1}, {"name": "b", "size": 2}], "title": "x"});
        let new = json!({"datasets": [{"name": "b", "size": 3}, {"name": "c", "size": 4}], "title": "x"});
        let found: Vec<String> = differences(&old, &new).into_iter().map(|d| d.field).collect();
        assert_eq!(found, ["datasets.a", "datasets.b.size", "datasets.c"]);
    }

    #[test]
    fn equal_terms_do_not_differ() {
        let terms = json!({"list": ["a", "b"], "deep": {"n": 1}});
        assert_eq!(differences(&terms, &terms), []);
    }
}
